//! The end of the audit log as this host has written it, to detect that another program cut the log off.

use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

/// A position in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// The number of the entry.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

/// The entries that were written since the state database was opened. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written(Arc<Mutex<WrittenState>>);

#[derive(Debug, Default)]
struct WrittenState {
    last: Option<AuditHead>,
    lost: Option<u64>,
}

impl Written {
    /// Records the end of the log that was written to disk.
    pub(crate) fn note(&self, head: AuditHead) {
        let mut known = self.state();
        // Concurrent commits may arrive in another order.
        if known.last.as_ref().is_none_or(|last| last.seq < head.seq) {
            known.last = Some(head);
        }
    }

    /// The last entry that was written.
    pub(crate) fn last(&self) -> Option<AuditHead> {
        self.state().last.clone()
    }

    /// Records that the last entry is missing. Only the first loss is kept, because later entries hide it.
    pub(crate) fn note_lost(&self, seq: u64) {
        let mut known = self.state();
        if known.lost.is_none() {
            tracing::error!(seq, "an entry is missing from the audit log");
            known.lost = Some(seq);
        }
    }

    /// The number of an entry that was written and is missing.
    pub(crate) fn lost(&self) -> Option<u64> {
        self.state().lost
    }

    fn state(&self) -> MutexGuard<'_, WrittenState> {
        self.0.lock()
    }
}
