//! The pool of target folders and its queue.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Error;

/// Assigns target folders, first come, first served.
pub(crate) struct Slots {
    free: Arc<Mutex<BTreeSet<usize>>>,
    /// As many permits as `free` has entries.
    permits: Arc<Semaphore>,
    n_waiting: AtomicUsize,
    queue_limit: usize,
    queue_timeout: Duration,
}

/// A target folder, held until it is dropped.
pub(crate) struct Slot {
    /// Its index.
    pub(crate) index: usize,
    free: Arc<Mutex<BTreeSet<usize>>>,
    _permit: OwnedSemaphorePermit,
}

impl Slots {
    /// A pool that holds slot 0 only.
    pub(crate) fn new(queue_limit: usize, queue_timeout: Duration) -> Slots {
        Slots {
            free: Arc::new(Mutex::new(BTreeSet::from([0]))),
            permits: Arc::new(Semaphore::new(1)),
            n_waiting: AtomicUsize::new(0),
            queue_limit,
            queue_timeout,
        }
    }

    /// Adds slots to the pool.
    pub(crate) fn open(&self, indices: impl IntoIterator<Item = usize>) {
        for index in indices {
            self.free.lock().insert(index);
            self.permits.add_permits(1);
        }
    }

    /// Waits for a slot for a build: the queue and the wait are limited. The lowest free slot is used first, because it
    /// is the warmest.
    pub(crate) async fn take(&self) -> Result<Slot, Error> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Ok(self.pick(permit));
        }
        let _waiting = Waiting::join(&self.n_waiting, self.queue_limit)?;
        match tokio::time::timeout(self.queue_timeout, self.permits.clone().acquire_owned()).await {
            Ok(permit) => Ok(self.pick(permit.expect("the semaphore is never closed"))),
            Err(_) => Err(Error::QueueTimeout { timeout: self.queue_timeout }),
        }
    }

    /// Returns whether the next build has to wait.
    pub(crate) fn is_busy(&self) -> bool {
        self.permits.available_permits() == 0
    }

    /// The number of waiting builds.
    pub(crate) fn n_waiting(&self) -> usize {
        self.n_waiting.load(Ordering::Relaxed)
    }

    fn pick(&self, permit: OwnedSemaphorePermit) -> Slot {
        let index = self.free.lock().pop_first();
        let index = index.expect("a slot is put back before its permit");
        Slot { index, free: self.free.clone(), _permit: permit }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // The permit is returned after this, when the fields are dropped.
        self.free.lock().insert(self.index);
    }
}

/// A place in the queue.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn join(n_waiting: &'a AtomicUsize, limit: usize) -> Result<Waiting<'a>, Error> {
        let joined = n_waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n_waiting| {
            (n_waiting < limit).then_some(n_waiting + 1)
        });
        joined.map(|_| Waiting(n_waiting)).map_err(|_| Error::QueueFull { limit })
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_queue_has_a_limit() {
        let slots = Slots::new(1, Duration::from_secs(60));
        let held = slots.take().await.unwrap();
        let (second, third) = tokio::join!(
            biased;
            async {
                let slot = slots.take().await;
                slot.map(|slot| slot.index)
            },
            async {
                let refused = slots.take().await.map(|slot| slot.index);
                assert_eq!(slots.n_waiting(), 1);
                drop(held);
                refused
            },
        );
        assert_eq!(second.unwrap(), 0);
        assert_eq!(third.unwrap_err().code(), "build_queue_full");
        assert_eq!(slots.n_waiting(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let slots = Slots::new(9, Duration::from_secs(900));
        let _held = slots.take().await.unwrap();
        let Err(error) = slots.take().await else { panic!("there is one slot") };
        assert_eq!(error.code(), "build_queue_timeout");
        assert_eq!(slots.n_waiting(), 0);
    }

    #[tokio::test]
    async fn the_lowest_slot_comes_first_and_opened_slots_join() {
        let slots = Slots::new(0, Duration::ZERO);
        slots.open([1, 2]);
        let (a, b, c) = (slots.take().await.unwrap(), slots.take().await.unwrap(), slots.take().await.unwrap());
        assert_eq!((a.index, b.index, c.index), (0, 1, 2));
        drop(c);
        drop(a);
        assert_eq!(slots.take().await.unwrap().index, 0);
    }
}
