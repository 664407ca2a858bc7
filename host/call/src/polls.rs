//! The polls of an endpoint's handler: how long they take, and where its calls are polled.
//!
//! A handler is polled on a worker thread of the host, which all plugins share. A handler that blocks there delays
//! every task of that worker, and no timer can interrupt it. Therefore an endpoint has to prove that it does not
//! block: its first calls run in tasks of their own ([`crate::timed_call`]). After [`POLLS_TO_TRUST`] short polls in a
//! row, its calls are polled in place, which costs less. A long poll ends the trust, and twice as many short polls are
//! needed the next time. The measured time includes waiting for a CPU, so an overloaded machine has long polls, too.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use prometheus::IntCounter;

/// The short polls in a row after which an endpoint is polled in place for the first time.
const POLLS_TO_TRUST: u32 = 100;
/// The largest number of short polls in a row that is required after long polls.
const MAX_POLLS_TO_TRUST: u32 = 1_000_000;

/// The record of an endpoint's polls.
#[derive(Debug)]
pub struct Polls {
    /// The duration above which a poll is long.
    pub(crate) longest: Duration,
    /// Short polls in a row, up to `needed`.
    short_in_a_row: AtomicU32,
    needed: AtomicU32,
    n_long: AtomicU64,
    /// Counts the long polls of all generations.
    counter: IntCounter,
}

impl Polls {
    /// The record of a new generation's endpoint: polls longer than `longest` are counted in `counter`.
    pub fn new(longest: Duration, counter: IntCounter) -> Polls {
        let (short_in_a_row, needed) = (AtomicU32::new(0), AtomicU32::new(POLLS_TO_TRUST));
        Polls { longest, short_in_a_row, needed, n_long: AtomicU64::new(0), counter }
    }

    /// Returns whether calls are polled in place.
    pub(crate) fn is_trusted(&self) -> bool {
        self.short_in_a_row.load(Ordering::Relaxed) >= self.needed.load(Ordering::Relaxed)
    }

    /// Records a poll. Returns the number of long polls if this one was long and is worth a line in the log: the
    /// first, the second, the fourth and so on.
    pub(crate) fn record(&self, took: Duration) -> Option<u64> {
        if took <= self.longest {
            // Polls on several threads may count a few more than needed.
            if !self.is_trusted() {
                self.short_in_a_row.fetch_add(1, Ordering::Relaxed);
            }
            return None;
        }
        let needed = self.needed.load(Ordering::Relaxed);
        self.needed.store(needed.saturating_mul(2).min(MAX_POLLS_TO_TRUST), Ordering::Relaxed);
        self.short_in_a_row.store(0, Ordering::Relaxed);
        self.counter.inc();
        let n_long = self.n_long.fetch_add(1, Ordering::Relaxed) + 1;
        n_long.is_power_of_two().then_some(n_long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_millis(50);

    fn polls() -> Polls {
        Polls::new(LONGEST, IntCounter::new("long", "long polls").unwrap())
    }

    #[test]
    fn short_polls_in_a_row_are_trusted_and_a_long_one_ends_the_trust() {
        let polls = polls();
        for _ in 0..POLLS_TO_TRUST {
            assert!(!polls.is_trusted());
            assert_eq!(polls.record(LONGEST), None);
        }
        assert!(polls.is_trusted());
        assert_eq!(polls.record(LONGEST + Duration::from_nanos(1)), Some(1));
        for _ in 0..2 * POLLS_TO_TRUST {
            assert!(!polls.is_trusted());
            polls.record(Duration::ZERO);
        }
        assert!(polls.is_trusted());
    }

    #[test]
    fn the_first_second_and_fourth_long_poll_are_logged_and_the_price_of_trust_has_a_limit() {
        let polls = polls();
        let logged: Vec<u64> = (0..100).filter_map(|_| polls.record(LONGEST * 2)).collect();
        assert_eq!(logged, [1, 2, 4, 8, 16, 32, 64]);
        assert_eq!(polls.needed.load(Ordering::Relaxed), MAX_POLLS_TO_TRUST);
        assert_eq!(polls.counter.get(), 100);
    }
}
