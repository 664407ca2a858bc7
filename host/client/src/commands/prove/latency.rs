//! A histogram of durations with exponential buckets.

use std::time::Duration;

/// The width of a bucket is at most its lower edge divided by this number.
const PARTS: u64 = 1 << PARTS_BITS;
const PARTS_BITS: u32 = 6;

/// A histogram of durations. Quantiles are at most 1.6 % (1/64) above the exact value.
#[derive(Clone, Default)]
pub(super) struct Latencies {
    /// Number of durations by bucket.
    counts: Vec<u64>,
}

impl Latencies {
    /// Adds a duration.
    pub(super) fn add(&mut self, duration: Duration) {
        let bucket = bucket(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
    }

    /// Adds all durations of another histogram.
    pub(super) fn add_all(&mut self, other: &Latencies) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(count, more)| *count += more);
    }

    /// Returns the duration that `share` of all durations do not exceed; `None` if the histogram is empty.
    pub(super) fn quantile(&self, share: f64) -> Option<Duration> {
        let n_all: u64 = self.counts.iter().sum();
        let rank = ((n_all as f64 * share).ceil() as u64).max(1);
        let mut n_seen = 0;
        let bucket = self.counts.iter().position(|count| {
            n_seen += count;
            n_seen >= rank
        });
        bucket.map(|bucket| Duration::from_nanos(last_of(bucket)))
    }
}

fn bucket(nanos: u64) -> usize {
    let shift = (nanos | PARTS).ilog2() - PARTS_BITS;
    // Below `PARTS` each number has a bucket; above, each doubling has `PARTS` buckets.
    let index = u64::from(shift) * PARTS + (nanos >> shift);
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// Returns the longest duration of a bucket, in nanoseconds.
fn last_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket / PARTS).saturating_sub(1);
    let first = bucket - shift * PARTS;
    ((first + 1) << shift).wrapping_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_belongs_to_one_bucket() {
        for nanos in [0, 1, 63, 64, 65, 127, 128, 129, 1_000, 123_456, 1_000_000_007, 1 << 50, u64::MAX - 1, u64::MAX] {
            let last = last_of(bucket(nanos));
            assert!(last >= nanos && last - nanos <= nanos / PARTS, "{nanos} is reported as {last}");
        }
        for nanos in 0..100_000 {
            assert!(bucket(nanos + 1) - bucket(nanos) <= 1, "{nanos}");
        }
    }

    #[test]
    fn quantiles_cover_all_added_durations() {
        assert_eq!(Latencies::default().quantile(0.5), None);
        let mut odd = Latencies::default();
        let mut even = Latencies::default();
        for micros in 1..=1000 {
            let which = if micros % 2 == 0 { &mut even } else { &mut odd };
            which.add(Duration::from_micros(micros));
        }
        odd.add_all(&even);
        for (share, micros) in [(0.0, 1), (0.5, 500), (0.99, 990), (1.0, 1000)] {
            let reported = odd.quantile(share).unwrap().as_nanos() as f64 / 1e3;
            assert!((1.0..1.016).contains(&(reported / f64::from(micros))), "{share}: {reported} us");
        }
    }
}
