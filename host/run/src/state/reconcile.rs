//! The inputs of the reconcile loop, and the leases that it grants.

use std::sync::Arc;
use std::time::Instant;

use host_core::PluginId;
use tokio::sync::{mpsc, oneshot, watch};

use crate::jobs::Job;
use crate::model::{Error, Operation};

/// All that the loop is told.
pub(crate) enum Input {
    /// An operation wants its turn on a plugin.
    Ask(Ask),
    /// The host itself wants an operation to be submitted.
    Submit(Box<Operation>),
    /// Whoever had the turn is done.
    Done {
        plugin: PluginId,
        /// Whether it was a step of the loop's own.
        is_step: bool,
    },
    /// Something that is true of a plugin has changed by itself.
    Changed,
    /// What was asked for has been read.
    Begin,
}

/// An operation that wants its turn.
pub(crate) struct Ask {
    pub(crate) plugin: PluginId,
    pub(crate) job: Arc<Job>,
    pub(crate) grant: oneshot::Sender<Result<Turn, Error>>,
}

/// The way to the loop.
pub(crate) struct Reconcile {
    pub(crate) inputs: mpsc::UnboundedSender<Input>,
    /// Taken by the loop when it starts.
    pub(crate) waiting: parking_lot::Mutex<Option<mpsc::UnboundedReceiver<Input>>>,
    /// Whether everything that was asked for when the host started has been tried.
    pub(crate) settled: watch::Sender<bool>,
    started: Instant,
}

/// The right to work on a plugin; given back when it is dropped.
pub(crate) struct Turn {
    pub(crate) plugin: PluginId,
    pub(crate) is_step: bool,
    pub(crate) inputs: mpsc::UnboundedSender<Input>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        // The loop is gone only when the host ends.
        let _ = self.inputs.send(Input::Done { plugin: self.plugin.clone(), is_step: self.is_step });
    }
}

impl Reconcile {
    pub(crate) fn new() -> Reconcile {
        let (inputs, waiting) = mpsc::unbounded_channel();
        let waiting = parking_lot::Mutex::new(Some(waiting));
        Reconcile { inputs, waiting, settled: watch::Sender::new(false), started: Instant::now() }
    }

    /// Waits for the turn on a plugin.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`]; what the job's rule for conflicts says.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue.
    pub(crate) async fn turn(&self, plugin: &PluginId, job: &Arc<Job>) -> Result<Turn, Error> {
        let (grant, granted) = oneshot::channel();
        let ask = Ask { plugin: plugin.clone(), job: job.clone(), grant };
        self.inputs.send(Input::Ask(ask)).map_err(|_| Error::ShuttingDown)?;
        granted.await.unwrap_or(Err(Error::ShuttingDown))
    }

    /// Tells the loop.
    pub(crate) fn tell(&self, input: Input) {
        let _ = self.inputs.send(input);
    }

    /// Milliseconds of a clock that only goes forward.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits until everything that was asked for when the host started serves or has failed once. Cancel safe.
    pub(crate) async fn settled(&self) {
        // The sender lives in `self`, so this only ends with the value.
        let _ = self.settled.subscribe().wait_for(|settled| *settled).await;
    }
}
