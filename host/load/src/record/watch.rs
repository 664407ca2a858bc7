//! Watching a library without holding it.

use std::sync::Arc;
use std::time::Instant;

use super::{End, KEPT_AFTER, LibraryPhase, Record};

/// Watches a library without holding it.
#[derive(Clone)]
pub struct Watch(Arc<Record>);

impl Watch {
    pub(crate) fn new(record: &Arc<Record>) -> Watch {
        Watch(record.clone())
    }

    /// Marks the library as no longer needed.
    pub fn retire(&self) {
        self.0.retire();
    }

    /// The phase of the library.
    pub fn phase(&self) -> LibraryPhase {
        self.0.phase()
    }

    /// Waits until the plugin was dropped and no call, stream or chunk of it is left. Cancel safe.
    pub async fn released(&self) {
        let mut released = self.0.released.subscribe();
        // The sender lives as long as the record.
        let _ = released.wait_for(|released| *released).await;
    }

    /// Waits until the library is kept or unmapped. To be called after [`Watch::retire`]. Cancel safe.
    pub async fn settled(&self) -> LibraryPhase {
        let retired = *self.0.retired.get_or_init(Instant::now);
        let mut end = self.0.end.subscribe();
        let ended = end.wait_for(|end| *end != End::Mapped);
        let _ = tokio::time::timeout_at((retired + KEPT_AFTER).into(), ended).await;
        self.phase()
    }

    /// Waits until the library is unmapped; `false` when it never will be. Cancel safe.
    pub async fn unmapped(&self) -> bool {
        let mut end = self.0.end.subscribe();
        let ended = end.wait_for(|end| *end != End::Mapped).await;
        ended.is_ok_and(|end| *end == End::Unmapped)
    }

    /// The time at which the library was seen to be unmapped.
    pub fn unmapped_at(&self) -> Option<Instant> {
        self.0.unmapped_at.get().copied()
    }

    /// The remaining items in words; empty after unmapping.
    pub fn held_by(&self) -> Vec<String> {
        self.0.held_by()
    }

    /// The size of its mapping in bytes; 0 after unmapping.
    pub fn mapped_bytes(&self) -> usize {
        if *self.0.end.borrow() == End::Unmapped { 0 } else { self.0.mapped_bytes }
    }

    /// The bytes of heap that the plugin holds now; `None` when it does not count them, or is closed.
    pub fn live_bytes(&self) -> Option<u64> {
        // Counted, so that it is not closed during the call.
        self.0.slot.visit(|| self.0.live_bytes_now()).flatten()
    }

    /// The bytes of heap that the plugin had when it was closed; `None` before, or when it does not count them.
    pub fn left_bytes(&self) -> Option<u64> {
        self.0.left_bytes.get().copied()
    }
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Watch({})", self.0.label)
    }
}
