//! The limits of uploads.

use tokio::sync::Semaphore;

/// Maximum number of concurrent uploads.
pub(crate) const MAX_AT_ONCE: usize = 4;

/// The limits of uploads.
pub(crate) struct Uploads {
    pub(crate) max_bytes: u64,
    pub(crate) slots: Semaphore,
}

impl Uploads {
    pub(crate) fn new(max_bytes: u64) -> Uploads {
        Uploads { max_bytes, slots: Semaphore::new(MAX_AT_ONCE) }
    }
}
