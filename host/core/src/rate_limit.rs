//! Rate limiting: a token bucket per client, without a clock.
//!
//! `rpm` tokens are added per window (a minute by default), evenly, up to `burst`; each call takes one. Each bucket is
//! stored as the instant at which it is full again (GCRA), so full buckets need no entry.

use std::collections::HashMap;
use std::time::Duration;

use crate::manifest::RateLimit;

/// The maximum number of clients per endpoint. If there are more, the buckets of the least recently seen clients are
/// deleted, so the next call of such a client finds a full bucket.
const MAX_CLIENTS: usize = 16_384;

/// The buckets of all clients of one endpoint. Memory is bounded: about 300 KiB at the maximum.
#[derive(Debug)]
pub struct RateLimiter {
    /// The nanoseconds until one token is added.
    interval: u64,
    /// The nanoseconds until an empty bucket is full.
    depth: u64,
    /// The instant at which each bucket is full, for clients seen since the last rotation.
    recent: HashMap<u64, u64>,
    /// The instants for clients that were last seen before the last rotation.
    older: HashMap<u64, u64>,
    /// The instant of the last rotation, which replaces `older` by `recent`.
    rotated: u64,
    max_recent: usize,
}

impl RateLimiter {
    /// Creates a limiter in which every client starts with a full bucket.
    pub fn new(limit: RateLimit) -> RateLimiter {
        RateLimiter::with_clients(limit, MAX_CLIENTS)
    }

    fn with_clients(limit: RateLimit, most: usize) -> RateLimiter {
        let window = u64::try_from(limit.window.as_nanos()).unwrap_or(u64::MAX);
        let interval = (window / u64::from(limit.rpm.max(1))).max(1);
        RateLimiter {
            interval,
            depth: interval.saturating_mul(limit.burst.into()),
            recent: HashMap::new(),
            older: HashMap::new(),
            rotated: 0,
            max_recent: (most / 2).max(1),
        }
    }

    /// Takes a token for a client at an instant, in nanoseconds since a fixed time.
    ///
    /// # Errors
    /// The bucket is empty. The error is the time until the next token is added, which another call may take first.
    pub fn take(&mut self, client: u64, now: u64) -> Result<(), Duration> {
        // `older` can be dropped when `depth` has passed since the last rotation: all of its buckets are full by then.
        if self.recent.len() >= self.max_recent || now.saturating_sub(self.rotated) > self.depth {
            self.older = std::mem::take(&mut self.recent);
            self.rotated = now;
        }
        let full_at = self.recent.get(&client).or_else(|| self.older.get(&client)).copied();
        let full_at = full_at.unwrap_or(0).max(now);
        let after = full_at.saturating_add(self.interval);
        let wait = after.saturating_sub(now).saturating_sub(self.depth);
        self.recent.insert(client, if wait == 0 { after } else { full_at });
        if wait == 0 { Ok(()) } else { Err(Duration::from_nanos(wait)) }
    }

    /// Returns a token to the bucket of a client.
    pub fn give_back(&mut self, client: u64) {
        for clients in [&mut self.recent, &mut self.older] {
            if let Some(full_at) = clients.get_mut(&client) {
                *full_at = full_at.saturating_sub(self.interval);
                return;
            }
        }
    }

    /// The number of stored entries; a client may have one in each map.
    pub fn n_clients(&self) -> usize {
        self.recent.len() + self.older.len()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const MS: u64 = 1_000_000;

    fn limit(rpm: u32, burst: u32, window_ms: u64) -> RateLimit {
        RateLimit { rpm, burst, window: Duration::from_millis(window_ms) }
    }

    /// Replays calls, each with a client and a time in milliseconds.
    fn check(limit: RateLimit, calls: &[(u64, u64)], expected: Expect) {
        let mut buckets = RateLimiter::new(limit);
        let told = calls.iter().map(|(client, at_ms)| match buckets.take(*client, at_ms * MS) {
            Ok(()) => format!("{client} at {at_ms}: taken\n"),
            Err(wait) => format!("{client} at {at_ms}: in {} ms\n", wait.as_millis()),
        });
        expected.assert_eq(&told.collect::<String>());
    }

    #[test]
    fn a_burst_is_available_at_once_and_refills_evenly() {
        check(
            limit(60, 3, 60_000),
            &[(1, 0), (1, 0), (1, 0), (1, 0), (1, 500), (1, 1000), (1, 1000), (1, 3000), (1, 3000), (1, 3000)],
            expect![[r#"
                1 at 0: taken
                1 at 0: taken
                1 at 0: taken
                1 at 0: in 1000 ms
                1 at 500: in 500 ms
                1 at 1000: taken
                1 at 1000: in 1000 ms
                1 at 3000: taken
                1 at 3000: taken
                1 at 3000: in 1000 ms
            "#]],
        );
    }

    #[test]
    fn a_returned_token_is_available_again() {
        let mut buckets = RateLimiter::new(limit(60, 1, 60_000));
        for _ in 0..3 {
            assert_eq!(buckets.take(1, 0), Ok(()));
            buckets.give_back(1);
        }
        buckets.give_back(1);
        assert_eq!(buckets.take(1, 0), Ok(()));
        assert_eq!(buckets.take(1, 0), Err(Duration::from_secs(1)));
    }

    #[test]
    fn rpm_tokens_are_added_per_window() {
        check(
            limit(10, 1, 1_000),
            &[(1, 0), (1, 50), (1, 100), (1, 150), (1, 200)],
            expect![[r#"
                1 at 0: taken
                1 at 50: in 50 ms
                1 at 100: taken
                1 at 150: in 50 ms
                1 at 200: taken
            "#]],
        );
        check(
            limit(1, 1, 3_600_000),
            &[(1, 0), (1, 1), (1, 3_599_999), (1, 3_600_000)],
            expect![[r#"
                1 at 0: taken
                1 at 1: in 3599999 ms
                1 at 3599999: in 1 ms
                1 at 3600000: taken
            "#]],
        );
    }

    #[test]
    fn each_client_has_its_own_bucket_which_never_exceeds_the_burst() {
        check(
            limit(60, 2, 60_000),
            &[(1, 0), (1, 0), (1, 0), (2, 0), (2, 0), (2, 0), (1, 90_000), (1, 90_000), (1, 90_000)],
            expect![[r#"
                1 at 0: taken
                1 at 0: taken
                1 at 0: in 1000 ms
                2 at 0: taken
                2 at 0: taken
                2 at 0: in 1000 ms
                1 at 90000: taken
                1 at 90000: taken
                1 at 90000: in 1000 ms
            "#]],
        );
    }

    #[test]
    fn the_largest_limits_do_not_overflow() {
        let mut buckets = RateLimiter::new(limit(1, 1_000_000, 3_600_000));
        for _ in 0..1_000 {
            assert_eq!(buckets.take(1, 1 << 62), Ok(()));
        }
        let mut buckets = RateLimiter::new(limit(1_000_000, 1, 1));
        assert_eq!(buckets.take(1, 7), Ok(()));
        assert_eq!((buckets.take(1, 7), buckets.take(1, 8)), (Err(Duration::from_nanos(1)), Ok(())));
    }

    #[test]
    fn memory_is_bounded_for_any_number_of_clients_and_active_clients_are_kept() {
        let mut buckets = RateLimiter::with_clients(limit(60, 1, 60_000), 100);
        assert_eq!(buckets.take(7, 0), Ok(()));
        for client in 1_000..100_000 {
            let _ = buckets.take(client, 1);
            assert!(buckets.n_clients() <= 101, "{}", buckets.n_clients());
            if client % 20 == 0 {
                assert!(buckets.take(7, 1).is_err(), "{client}");
            }
        }
        // Once all buckets are full again, nothing is kept of them.
        for minute in 1..=2 {
            assert_eq!(buckets.take(8, minute * 60_000 * MS), Ok(()));
        }
        assert_eq!(buckets.n_clients(), 2);
    }
}
