//! The handle of the update poller.

use std::sync::Arc;

use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Newer versions are looked for until this is dropped.
#[derive(Debug)]
#[must_use = "nothing is looked for once this is dropped"]
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

    /// Says that what is watched has changed: a plugin came or went, or its source, rule or blocked versions are others.
    pub fn wake(&self) {
        self.changed.notify_one();
    }
}
