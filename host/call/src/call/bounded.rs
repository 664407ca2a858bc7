//! A call that ends at its deadline, or when its generation cancels its calls.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use host_load::{CallError, PluginResponse};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::generation::Admitted;
use crate::refusal::CallRefusal;
use crate::timed_call::{OwnTask, TimedCall};

/// A call that ends at its deadline, or when its generation cancels its calls. The timer is created only if the plugin
/// does not respond at the first poll.
pub(super) struct BoundedCall<'a> {
    pub(super) call: Called,
    pub(super) until: Instant,
    pub(super) timeout: Duration,
    pub(super) cancel: &'a CancellationToken,
    pub(super) waits: Option<Pin<Box<dyn Future<Output = CallRefusal> + Send>>>,
}

/// A call in the place where it is polled; see [`crate::polls`].
pub(super) enum Called {
    Here(TimedCall),
    OwnTask(OwnTask),
}

impl Future for BoundedCall<'_> {
    type Output = Result<(PluginResponse, Admitted), CallRefusal>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = match &mut self.call {
            Called::Here(call) => Pin::new(call).poll(context),
            Called::OwnTask(task) => Pin::new(task).poll(context),
        };
        if let Poll::Ready(answered) = polled {
            return Poll::Ready(answered.map_err(CallRefusal::Failed));
        }
        let until = self.until;
        let timeout = self.timeout;
        let cancel = self.cancel.clone();
        let waits = self.waits.get_or_insert_with(|| {
            Box::pin(async move {
                let timer = pin!(tokio::time::sleep_until(until));
                tokio::select! {
                    () = timer => CallRefusal::Failed(CallError::TimedOut { after: timeout }),
                    () = cancel.cancelled() => CallRefusal::Cancelled,
                }
            })
        });
        waits.as_mut().poll(context).map(Err)
    }
}
