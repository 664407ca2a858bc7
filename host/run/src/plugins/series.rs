//! The requests of a plugin in steps of ten seconds, for the last 15 minutes.
//!
//! A call only counts, as without a series: a timer takes the differences of the counters. A step without requests
//! takes no memory.

use std::collections::VecDeque;
use std::time::Duration;

use host_call::EndpointMetrics;
use prometheus::core::Metric as _;

/// The length of a step.
pub(crate) const STEP: Duration = Duration::from_secs(10);
/// The number of steps.
const STEPS: u64 = 90;

/// The requests of one step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeriesPoint {
    /// The end of the step, in milliseconds since the Unix epoch.
    pub at_unix_ms: u64,
    /// The requests to endpoints.
    pub requests: u64,
    /// The responses with status 500 or higher.
    pub errors: u64,
    /// The median time until the response head, estimated from the buckets of the histogram; `None` if no response has
    /// started in the step.
    pub p50: Option<Duration>,
    /// The 99th percentile.
    pub p99: Option<Duration>,
}

/// The series of one plugin.
#[derive(Debug, Default)]
pub(crate) struct Series {
    /// The counters at the end of the last step.
    last: Totals,
    /// The requests since then to endpoints that no longer exist.
    carried: Totals,
    points: VecDeque<SeriesPoint>,
}

/// The sums of the counters of all endpoints.
#[derive(Clone, Debug, Default, PartialEq)]
struct Totals {
    requests: u64,
    errors: u64,
    /// The upper bound of each bucket of the duration, in seconds, and the number of observations in it.
    buckets: Vec<(f64, u64)>,
    /// The observations above the last bound.
    longer: u64,
}

impl Series {
    /// Ends a step.
    pub(crate) fn sample(&mut self, counters: &[EndpointMetrics], now_unix_ms: u64) {
        self.step(|last| Totals::of(counters, last), now_unix_ms);
    }

    /// Continues with the counters of the next generation, which may have other endpoints.
    pub(crate) fn replace(&mut self, before: &[EndpointMetrics], after: &[EndpointMetrics]) {
        self.carry(&Totals::of(before, &self.last), Totals::read(after));
    }

    /// The steps with requests of the last 15 minutes, oldest first.
    pub(crate) fn points(&self, now_unix_ms: u64) -> Vec<SeriesPoint> {
        let from = oldest(now_unix_ms);
        self.points.iter().filter(|point| point.at_unix_ms >= from).copied().collect()
    }

    fn carry(&mut self, before: &Totals, after: Totals) {
        self.carried = self.carried.plus(&before.since(&self.last));
        self.last = after;
    }

    fn step(&mut self, read: impl FnOnce(&Totals) -> Totals, now_unix_ms: u64) {
        let now = read(&self.last);
        let step = std::mem::take(&mut self.carried).plus(&now.since(&self.last));
        self.last = now;
        let from = oldest(now_unix_ms);
        while self.points.front().is_some_and(|point| point.at_unix_ms < from) {
            self.points.pop_front();
        }
        // A response may start in a later step than its request.
        if step.requests > 0 || step.count() > 0 {
            self.points.push_back(SeriesPoint {
                at_unix_ms: now_unix_ms,
                requests: step.requests,
                errors: step.errors,
                p50: step.quantile(0.5),
                p99: step.quantile(0.99),
            });
        }
    }
}

/// The time of the oldest step that is shown.
fn oldest(now_unix_ms: u64) -> u64 {
    now_unix_ms.saturating_sub(STEPS * u64::try_from(STEP.as_millis()).unwrap_or(u64::MAX))
}

impl Totals {
    /// Reads the counters. The histograms are copied only if there was a request or one is in flight.
    fn of(counters: &[EndpointMetrics], last: &Totals) -> Totals {
        let observed: u64 = counters.iter().map(|endpoint| endpoint.duration.get_sample_count()).sum();
        let requests: u64 = counters.iter().map(|endpoint| endpoint.requests.get()).sum();
        if requests == last.requests && observed == last.count() { last.clone() } else { Totals::read(counters) }
    }

    fn read(counters: &[EndpointMetrics]) -> Totals {
        let mut totals = Totals::default();
        for endpoint in counters {
            totals.requests += endpoint.requests.get();
            totals.errors += endpoint.errors.get();
            let metric = endpoint.duration.metric();
            let histogram = metric.get_histogram();
            let mut below = 0;
            for (at, bucket) in histogram.get_bucket().iter().enumerate() {
                let count = bucket.cumulative_count().saturating_sub(below);
                below = bucket.cumulative_count();
                match totals.buckets.get_mut(at) {
                    Some((_, sum)) => *sum += count,
                    None => totals.buckets.push((bucket.upper_bound(), count)),
                }
            }
            totals.longer += histogram.get_sample_count().saturating_sub(below);
        }
        totals
    }

    fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum::<u64>() + self.longer
    }

    /// The difference from an earlier reading.
    fn since(&self, earlier: &Totals) -> Totals {
        let before = |at: usize| earlier.buckets.get(at).map_or(0, |(_, count)| *count);
        let buckets = self.buckets.iter().enumerate();
        Totals {
            requests: self.requests.saturating_sub(earlier.requests),
            errors: self.errors.saturating_sub(earlier.errors),
            buckets: buckets.map(|(at, (bound, count))| (*bound, count.saturating_sub(before(at)))).collect(),
            longer: self.longer.saturating_sub(earlier.longer),
        }
    }

    fn plus(&self, other: &Totals) -> Totals {
        let (longest, shorter) = if self.buckets.len() >= other.buckets.len() { (self, other) } else { (other, self) };
        let more = |at: usize| shorter.buckets.get(at).map_or(0, |(_, count)| *count);
        let buckets = longest.buckets.iter().enumerate();
        Totals {
            requests: self.requests + other.requests,
            errors: self.errors + other.errors,
            buckets: buckets.map(|(at, (bound, count))| (*bound, count + more(at))).collect(),
            longer: self.longer + other.longer,
        }
    }

    /// Estimates a quantile by linear interpolation within its bucket, as `histogram_quantile` of Prometheus does.
    /// Above the last bound, the estimate is that bound.
    fn quantile(&self, quantile: f64) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = quantile * count as f64;
        let (mut below, mut lower) = (0.0, 0.0);
        for (bound, in_bucket) in &self.buckets {
            let in_bucket = *in_bucket as f64;
            if in_bucket > 0.0 && below + in_bucket >= rank {
                return Some(Duration::from_secs_f64(lower + (bound - lower) * ((rank - below) / in_bucket)));
            }
            below += in_bucket;
            lower = *bound;
        }
        Some(Duration::from_secs_f64(lower))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: [f64; 3] = [0.001, 0.01, 0.1];

    fn totals(requests: u64, errors: u64, buckets: [u64; 3], longer: u64) -> Totals {
        Totals { requests, errors, buckets: BOUNDS.into_iter().zip(buckets).collect(), longer }
    }

    fn micros(duration: Option<Duration>) -> Option<u128> {
        duration.map(|duration| duration.as_micros())
    }

    #[test]
    fn a_quantile_is_interpolated_in_its_bucket_and_at_most_the_last_bound() {
        let of = |buckets, longer, quantile| micros(totals(0, 0, buckets, longer).quantile(quantile));
        assert_eq!(of([0, 0, 0], 0, 0.5), None);
        assert_eq!(of([10, 0, 0], 0, 0.5), Some(500));
        assert_eq!(of([0, 10, 0], 0, 0.5), Some(5_500));
        assert_eq!(of([99, 0, 1], 0, 0.99), Some(1_000));
        assert_eq!(of([98, 0, 2], 0, 0.99), Some(55_000));
        assert_eq!(of([0, 0, 0], 1, 0.99), Some(100_000));
    }

    #[test]
    fn a_step_has_the_difference_of_the_counters_and_a_step_without_requests_is_left_out() {
        let mut series = Series::default();
        let mut step = |now: Totals, at| series.step(|_| now, at);
        step(totals(4, 1, [4, 0, 0], 0), 10_000);
        step(totals(4, 1, [4, 0, 0], 0), 20_000);
        step(totals(6, 1, [4, 2, 0], 0), 30_000);
        let points: Vec<_> = series.points(30_000).into_iter().map(|p| (p.at_unix_ms, p.requests, p.errors)).collect();
        assert_eq!(points, [(10_000, 4, 1), (30_000, 2, 0)]);
        assert_eq!(micros(series.points(30_000)[1].p50), Some(5_500));
    }

    #[test]
    fn only_the_last_15_minutes_are_kept() {
        let mut series = Series::default();
        for n in 1..=200 {
            series.step(|last| totals(last.requests + 1, 0, [n, 0, 0], 0), n * 10_000);
        }
        assert_eq!(series.points.len(), 91);
        assert_eq!(series.points(2_000_000).first().map(|point| point.at_unix_ms), Some(1_100_000));
        assert_eq!(series.points(2_000_000 + 900_000).len(), 1);
    }

    #[test]
    fn requests_before_a_reload_are_not_lost_and_counters_of_returned_endpoints_are_not_traffic() {
        let mut series = Series { last: totals(10, 0, [10, 0, 0], 0), ..Series::default() };
        series.carry(&totals(13, 1, [13, 0, 0], 0), totals(500, 9, [500, 0, 0], 0));
        series.step(|_| totals(502, 9, [502, 0, 0], 0), 10_000);
        assert_eq!(series.points(10_000)[0].requests, 5);
        assert_eq!(series.points(10_000)[0].errors, 1);
    }
}
