//! Locks that prevent two builds with the same fingerprint from running at once.

use std::collections::HashMap;
use std::sync::Arc;

use host_core::Digest;
use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

/// One lock for each fingerprint that is being built.
#[derive(Default)]
pub(crate) struct BuildLocks(Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>);

impl BuildLocks {
    /// Waits until no other build with this fingerprint runs. The lock is held until the guard is dropped.
    pub(crate) async fn lock(&self, fingerprint: Digest) -> OwnedMutexGuard<()> {
        let lock = {
            // A panic elsewhere cannot leave the map half changed.
            let mut locks = self.0.lock();
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            locks.entry(fingerprint).or_default().clone()
        };
        lock.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn equal_builds_wait_for_each_other_and_others_do_not() {
        let locks = BuildLocks::default();
        let first = locks.lock(Digest::compute(b"a")).await;
        let _other = locks.lock(Digest::compute(b"b")).await;
        let mut second = Box::pin(locks.lock(Digest::compute(b"a")));
        assert!(futures_are_pending(&mut second).await);
        drop(first);
        second.await;
        assert_eq!(locks.0.lock().len(), 2);
        drop(locks.lock(Digest::compute(b"c")).await);
        assert_eq!(locks.0.lock().len(), 2, "the lock of `a` is forgotten");
    }

    async fn futures_are_pending<F: Future + Unpin>(future: &mut F) -> bool {
        tokio::select! {
            biased;
            _ = future => false,
            () = std::future::ready(()) => true,
        }
    }
}
