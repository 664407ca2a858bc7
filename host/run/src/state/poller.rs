//! The handle of the update poller.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Checks for updates until it is dropped.
#[derive(Debug)]
#[must_use = "the checks for updates stop once this is dropped"]
pub struct Poller {
    changed: Arc<Notify>,
    _end: DropGuard,
}

impl Poller {
    pub(crate) fn new(end: CancellationToken) -> (Poller, Arc<Notify>, CancellationToken) {
        let changed = Arc::new(Notify::new());
        let poller = Poller { changed: changed.clone(), _end: end.clone().drop_guard() };
        (poller, changed, end)
    }

    /// Wakes the poller after a change of the watched plugins: one was added or removed, or its source, rule or blocked
    /// versions have changed.
    pub fn wake(&self) {
        self.changed.notify_one();
    }
}
