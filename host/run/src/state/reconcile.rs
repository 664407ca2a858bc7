//! The inputs of the reconcile loop, and the leases that it grants.

use std::sync::Arc;
use std::time::Instant;

use host_core::PluginId;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};

use crate::jobs::Job;
use crate::model::{Error, Operation};

/// An input of the reconcile loop.
pub(crate) enum Input {
    /// A job requests the lease of a plugin.
    Lease(LeaseRequest),
    /// The host itself submits an operation.
    Submit(Box<Operation>),
    /// A lease was returned.
    Returned {
        plugin: PluginId,
        /// Whether the lease was held by a step of the loop itself.
        is_step: bool,
    },
    /// The actual state of a plugin has changed without an operation.
    Changed,
    /// The desired state has been read; the loop may plan.
    Begin,
}

/// The request of a job for the lease of a plugin.
pub(crate) struct LeaseRequest {
    pub(crate) plugin: PluginId,
    pub(crate) job: Arc<Job>,
    pub(crate) grant: oneshot::Sender<Result<Lease, Error>>,
}

/// The handle of the reconcile loop.
pub(crate) struct Reconcile {
    pub(crate) inputs: mpsc::UnboundedSender<Input>,
    /// The receiving side; taken by the loop when it starts.
    pub(crate) waiting: Mutex<Option<mpsc::UnboundedReceiver<Input>>>,
    /// Whether every plugin that should serve after the start of the host was tried once.
    pub(crate) settled: watch::Sender<bool>,
    started: Instant,
}

/// The exclusive right to change a plugin. Returned to the loop when it is dropped.
pub(crate) struct Lease {
    pub(crate) plugin: PluginId,
    pub(crate) is_step: bool,
    pub(crate) inputs: mpsc::UnboundedSender<Input>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Sending fails only after the loop has ended, which is when the host stops.
        let _ = self.inputs.send(Input::Returned { plugin: self.plugin.clone(), is_step: self.is_step });
    }
}

impl Reconcile {
    pub(crate) fn new() -> Reconcile {
        let (inputs, waiting) = mpsc::unbounded_channel();
        let waiting = Mutex::new(Some(waiting));
        Reconcile { inputs, waiting, settled: watch::Sender::new(false), started: Instant::now() }
    }

    /// Waits for the lease of a plugin.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`]; [`Error::InProgress`] if the job does not want to wait for another one.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue.
    pub(crate) async fn lease(&self, plugin: &PluginId, job: &Arc<Job>) -> Result<Lease, Error> {
        let (grant, granted) = oneshot::channel();
        let request = LeaseRequest { plugin: plugin.clone(), job: job.clone(), grant };
        self.inputs.send(Input::Lease(request)).map_err(|_| Error::ShuttingDown)?;
        granted.await.unwrap_or(Err(Error::ShuttingDown))
    }

    /// Sends an input to the loop. Never waits.
    pub(crate) fn send(&self, input: Input) {
        let _ = self.inputs.send(input);
    }

    /// The milliseconds since the start of the host, of a monotonic clock.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits until every plugin that should serve after the start of the host serves or has failed once. Cancel safe.
    pub(crate) async fn settled(&self) {
        // The sender is owned by `self`, so the wait only ends with the value.
        let _ = self.settled.subscribe().wait_for(|settled| *settled).await;
    }
}
