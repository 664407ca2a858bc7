//! The count of calls and probes in flight.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Set in the count once probes may no longer enter.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// Counts the calls and probes in flight and notifies when none is left.
#[derive(Default)]
pub struct InFlight {
    count: AtomicUsize,
    none: Notify,
}

impl InFlight {
    /// The number of calls and probes in flight.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Acquire) & !CLOSED
    }

    /// Refuses probes from now on. Calls are kept out by the roster.
    pub fn close(&self) {
        self.count.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Counts a probe, unless the count is closed. A probe that was counted is waited for.
    pub fn try_enter(&self) -> bool {
        let enter = |count: usize| (count & CLOSED == 0).then_some(count + 1);
        self.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, enter).is_ok()
    }

    pub(crate) fn enter(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn leave(&self) {
        if self.count.fetch_sub(1, Ordering::AcqRel) & !CLOSED == 1 {
            self.none.notify_waiters();
        }
    }

    /// Waits until no call is in flight; call it once no new call can enter. Cancel safe.
    pub async fn none(&self) {
        loop {
            let none = self.none.notified();
            tokio::pin!(none);
            // Registered before the count is read, so that a call that leaves in between is not missed.
            none.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            none.await;
        }
    }
}
