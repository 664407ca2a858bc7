//! Calls with timed polls, in place or in a task of their own.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use host_core::Span;
use host_load::{Call, CallError, PluginResponse};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{JoinHandle, block_in_place};

use crate::generation::Admitted;

/// The output of a call: the response, and the admission for its body.
type Answered = Result<(PluginResponse, Admitted), CallError>;

/// A call that records how long its polls take; a long poll is logged.
pub(crate) struct TimedCall {
    call: Call,
    endpoint: usize,
    /// `None` after the end of the call.
    admitted: Option<Admitted>,
}

impl TimedCall {
    /// Times the polls of a call of the endpoint with this index.
    pub(crate) fn new(call: Call, endpoint: usize, admitted: Admitted) -> TimedCall {
        TimedCall { call, endpoint, admitted: Some(admitted) }
    }

    /// Records a poll in the endpoint.
    fn record(&self, admitted: &Admitted, took: Duration) {
        let generation = admitted.generation();
        let polls = &generation.endpoints[self.endpoint].polls;
        if let Some(n_long) = polls.record(took) {
            let handler = &generation.manifest.endpoints[self.endpoint].handler;
            let longest = polls.longest.as_millis();
            let took = Span::new(took);
            let id = &generation.id;
            let text = format!(
                "the handler `{handler}` blocked its thread for {took}, and `max_poll_ms` is {longest}; make it a plain \
                 `fn`, or move what blocks to `spawn_blocking` ({n_long} long polls so far)"
            );
            tracing::warn!(plugin.id = %id, generation = generation.number, "{id}: {text}");
            generation.note("warn", &text);
        }
    }
}

impl Future for TimedCall {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answered> {
        let started = Instant::now();
        let polled = Pin::new(&mut self.call).poll(context);
        let took = started.elapsed();
        let Some(admitted) = self.admitted.take() else {
            return Poll::Ready(Err(CallError::Failed("the call has ended".to_owned())));
        };
        self.record(&admitted, took);
        if polled.is_pending() {
            self.admitted = Some(admitted);
            return Poll::Pending;
        }
        polled.map(|answer| answer.map(|response| (response, admitted)))
    }
}

/// A call in a task of its own, polled in `block_in_place`, which hands the worker to another thread first. The task
/// has the admission, so the generation is not stopped while the call is polled, also after the caller has gone.
/// Dropping the value cancels the call as soon as its poll has ended.
pub(crate) struct OwnTask(JoinHandle<Answered>);

impl OwnTask {
    /// Starts a task for a call.
    pub(crate) fn spawn(mut call: TimedCall) -> OwnTask {
        // Only the runtime with several threads can hand its worker over.
        let hands_over = Handle::current().runtime_flavor() == RuntimeFlavor::MultiThread;
        let work = std::future::poll_fn(move |context| {
            let mut poll = || Pin::new(&mut call).poll(context);
            if hands_over { block_in_place(poll) } else { poll() }
        });
        #[expect(clippy::disallowed_methods, reason = "the drain of the generation waits for the task's admission")]
        OwnTask(tokio::spawn(work))
    }
}

impl Future for OwnTask {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answered> {
        // The task fails only while the host's runtime is being shut down: calls catch panics.
        Pin::new(&mut self.0).poll(context).map(|joined| match joined {
            Ok(answered) => answered,
            Err(error) => Err(CallError::Failed(error.to_string())),
        })
    }
}

impl Drop for OwnTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}
