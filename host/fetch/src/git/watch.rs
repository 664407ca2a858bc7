//! The time limits and the cancellation of a fetch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::Error;

/// The end of a fetch. Shared with the connection, which checks it while waiting.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) url: String,
    pub(crate) timeout: Duration,
    pub(crate) stall_timeout: Duration,
    pub(crate) token_timeout: Duration,
    pub(super) deadline: Instant,
    pub(super) cancelled: Arc<AtomicBool>,
}

impl Watch {
    /// Checks whether to continue.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Error::Cancelled);
        }
        if Instant::now() >= self.deadline {
            return Err(Error::TimedOut { url: self.url.clone(), after: self.timeout });
        }
        Ok(())
    }

    pub(crate) fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}
