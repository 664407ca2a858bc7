//! Limits the number of threads that run the plain handlers of a plugin.

#[cfg(feature = "tokio")]
pub(crate) use with_tokio::Turns;
#[cfg(not(feature = "tokio"))]
pub(crate) use without_tokio::Turns;

#[cfg(feature = "tokio")]
mod with_tokio {
    use std::sync::Arc;

    use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

    /// The number of plain handlers of a plugin that run at the same time. More calls wait for their turn.
    const MAX_RUNNING: usize = 64;

    /// The free turns.
    pub(crate) struct Turns(Arc<Semaphore>);

    impl Turns {
        pub(crate) fn new() -> Turns {
            Turns(Arc::new(Semaphore::new(MAX_RUNNING)))
        }

        /// Waits for a turn, which ends when the returned value is dropped. Cancel safe.
        pub(crate) async fn take(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
            self.0.clone().acquire_owned().await
        }
    }
}

#[cfg(not(feature = "tokio"))]
mod without_tokio {
    /// Replaces the turns: without threads there is nothing to bound.
    pub(crate) struct Turns;

    impl Turns {
        pub(crate) fn new() -> Turns {
            Turns
        }
    }
}
