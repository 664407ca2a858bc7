//! The schedule of update checks: spread over time, and less frequent after failures.

use std::time::Duration;

/// The maximum delay of a plugin's first check, so that a starting host does not check all plugins at once.
const FIRST_WITHIN_MS: u64 = 60_000;
/// The maximum interval to which failures can extend a shorter one.
const MAX_BACKOFF_MS: u64 = 6 * 3600 * 1000;

/// The time of the first check: within a tenth of the interval, and a minute at most.
///
/// Times are milliseconds since 1970. The same seed returns the same time.
pub fn first_check(now_ms: u64, interval: Duration, seed: u64) -> u64 {
    now_ms.saturating_add(part((millis(interval) / 10).min(FIRST_WITHIN_MS), seed))
}

/// The time of the next check: one interval after the last, with up to ten percent jitter by the seed.
///
/// Each consecutive failure doubles the interval, up to six hours; a longer interval is not changed. Times are
/// milliseconds since 1970.
pub fn next_check(last_check_ms: u64, interval: Duration, failures: u32, seed: u64) -> u64 {
    let interval = millis(interval);
    let times = 1_u64.checked_shl(failures).unwrap_or(u64::MAX);
    let delay = interval.saturating_mul(times).min(interval.max(MAX_BACKOFF_MS));
    last_check_ms.saturating_add(delay - delay / 10).saturating_add(part(delay / 5, seed))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A part of `whole`, evenly spread over the seeds.
fn part(whole: u64, seed: u64) -> u64 {
    // The finalizer of splitmix64: consecutive seeds produce distant values.
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    ((u128::from(bits) * u128::from(whole)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    const HOUR: u64 = 3600;

    /// The earliest and latest next check over many seeds, in seconds after the last check.
    fn span(interval_seconds: u64, failures: u32) -> String {
        let all =
            (0..2000).map(|seed| next_check(5_000, Duration::from_secs(interval_seconds), failures, seed) - 5_000);
        let (mut least, mut most) = (u64::MAX, 0);
        for at in all {
            (least, most) = (least.min(at), most.max(at));
        }
        format!("{:.0} to {:.0} s", least as f64 / 1e3, most as f64 / 1e3)
    }

    #[test]
    fn the_interval_varies_by_ten_percent_and_failures_double_it_up_to_six_hours() {
        let mut table = String::new();
        for (interval, failures) in [
            (60, 0),
            (60, 1),
            (60, 2),
            (60, 8),
            (60, 9),
            (60, 63),
            (60, 64),
            (60, u32::MAX),
            (HOUR, 0),
            (HOUR, 1),
            (HOUR, 2),
            (HOUR, 3),
            (6 * HOUR, 5),
            (24 * HOUR, 0),
            (24 * HOUR, 4),
            (720 * HOUR, 1),
        ] {
            table += &format!("every {interval} s, {failures} failures: {}\n", span(interval, failures));
        }
        expect![[r#"
            every 60 s, 0 failures: 54 to 66 s
            every 60 s, 1 failures: 108 to 132 s
            every 60 s, 2 failures: 216 to 264 s
            every 60 s, 8 failures: 13825 to 16894 s
            every 60 s, 9 failures: 19441 to 23758 s
            every 60 s, 63 failures: 19441 to 23758 s
            every 60 s, 64 failures: 19441 to 23758 s
            every 60 s, 4294967295 failures: 19441 to 23758 s
            every 3600 s, 0 failures: 3240 to 3960 s
            every 3600 s, 1 failures: 6480 to 7919 s
            every 3600 s, 2 failures: 12961 to 15838 s
            every 3600 s, 3 failures: 19441 to 23758 s
            every 21600 s, 5 failures: 19441 to 23758 s
            every 86400 s, 0 failures: 77766 to 95031 s
            every 86400 s, 4 failures: 77766 to 95031 s
            every 2592000 s, 1 failures: 2332979 to 2850928 s
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn the_first_check_is_within_a_minute_and_spread_over_it() {
        for (interval, within) in [(60, 6_000), (600, 60_000), (HOUR, 60_000), (720 * HOUR, 60_000)] {
            let all: Vec<_> = (0..2000).map(|seed| first_check(7, Duration::from_secs(interval), seed) - 7).collect();
            assert!(all.iter().all(|at| *at < within), "{interval}");
            assert!(all.iter().any(|at| *at < within / 20) && all.iter().any(|at| *at > within - within / 20));
        }
    }

    #[test]
    fn the_same_seed_returns_the_same_time_and_no_time_overflows() {
        let at = |seed| next_check(0, Duration::from_secs(HOUR), 0, seed);
        assert_eq!(at(1), at(1));
        assert_ne!(at(1), at(2));
        assert_eq!(next_check(u64::MAX, Duration::MAX, u32::MAX, u64::MAX), u64::MAX);
        assert_eq!(first_check(u64::MAX, Duration::MAX, 3), u64::MAX);
    }
}
