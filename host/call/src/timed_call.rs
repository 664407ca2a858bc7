//! A call whose polls are timed, in place or in a task of its own.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use host_load::{Call, CallError, PluginResponse};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{JoinHandle, block_in_place};

use crate::generation::Admitted;

/// A call whose polls are timed.
pub(crate) struct TimedCall {
    call: Call,
    endpoint: usize,
}

impl TimedCall {
    /// Times the polls of a call of the endpoint with this index.
    pub(crate) fn new(call: Call, endpoint: usize) -> TimedCall {
        TimedCall { call, endpoint }
    }

    /// Polls the call and records the time it took; a long poll is logged.
    pub(crate) fn poll(
        &mut self,
        admitted: &Admitted,
        context: &mut Context<'_>,
    ) -> Poll<Result<PluginResponse, CallError>> {
        let started = Instant::now();
        let polled = Pin::new(&mut self.call).poll(context);
        let took = started.elapsed();
        let generation = admitted.generation();
        let polls = &generation.endpoints[self.endpoint].polls;
        if let Some(n_long) = polls.record(took) {
            let handler = &generation.manifest.endpoints[self.endpoint].handler;
            let (took, longest) = (took.as_millis(), polls.longest.as_millis());
            let id = &generation.id;
            let text = format!(
                "the handler `{handler}` blocked its thread for {took} ms, and `max_poll_ms` is {longest}; make it a plain \
                 `fn`, or move what blocks to `spawn_blocking` ({n_long} long polls so far)"
            );
            tracing::warn!(plugin.id = %id, generation = generation.number, "{id}: {text}");
            generation.note("warn", &text);
        }
        polled
    }
}

/// A call in a task of its own, polled in `block_in_place`, which hands the worker to another thread first. The task
/// has the admission, so the generation is not stopped while the call is polled, also after the caller has gone.
/// Dropping the value cancels the call as soon as its poll has ended.
pub(crate) struct OwnTask(JoinHandle<(Result<PluginResponse, CallError>, Admitted)>);

impl OwnTask {
    /// Starts a task for a call.
    pub(crate) fn spawn(mut call: TimedCall, admitted: Admitted) -> OwnTask {
        // Only the runtime with several threads can hand its worker over.
        let hands_over = Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
        let work = async move {
            let answer = std::future::poll_fn(|context| {
                let mut poll = || call.poll(&admitted, context);
                if hands_over { block_in_place(poll) } else { poll() }
            });
            let answer = answer.await;
            (answer, admitted)
        };
        #[expect(clippy::disallowed_methods, reason = "the drain of the generation waits for the task's admission")]
        OwnTask(tokio::spawn(work))
    }
}

impl Future for OwnTask {
    type Output = (Result<PluginResponse, CallError>, Option<Admitted>);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|joined| match joined {
            Ok((answer, admitted)) => (answer, Some(admitted)),
            // The host's runtime is being shut down: calls catch panics, and nothing else ends the task early.
            Err(error) => (Err(CallError::Failed(error.to_string())), None),
        })
    }
}

impl Drop for OwnTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}
