//! The streamed response bodies of a generation.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use host_load::{BodyFailure, CallError, ResponseBody};
use http_body::{Body as _, Frame};
use parking_lot::Mutex;

use super::Admitted;

/// A stream and the admission that it holds; `None` after the stream was cancelled.
#[derive(Debug)]
pub(crate) struct LiveStream(Mutex<Option<(ResponseBody, Admitted)>>);

/// Waits until the generation cancels its calls.
pub(crate) struct Cancellation(Pin<Box<dyn Future<Output = ()> + Send + Sync>>);

impl std::fmt::Debug for Cancellation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cancellation")
    }
}

/// The streams of a generation. A stream is polled only while its caller reads, so a stream whose caller does not read
/// would not notice that the generation cancels its calls.
#[derive(Debug, Default)]
pub(crate) struct Streams(Mutex<Vec<Weak<LiveStream>>>);

impl Streams {
    fn add(&self, stream: &Arc<LiveStream>) {
        let mut all = self.0.lock();
        // Ended streams are removed before the list grows, so its size follows the number of live streams.
        if all.len() == all.capacity() {
            all.retain(|stream| stream.strong_count() > 0);
        }
        all.push(Arc::downgrade(stream));
    }

    /// Ends every stream that is not being polled; a stream that is being polled notices the cancellation itself.
    pub(crate) fn cancel(&self) {
        let all = std::mem::take(&mut *self.0.lock());
        for stream in all.iter().filter_map(Weak::upgrade) {
            let taken = stream.0.try_lock().and_then(|mut stream| stream.take());
            drop(taken);
        }
    }
}

impl LiveStream {
    /// Adds a stream to the streams of the generation that admitted its call.
    pub(crate) fn new(body: ResponseBody, admitted: Admitted) -> Arc<LiveStream> {
        let generation = admitted.generation().clone();
        let stream = Arc::new(LiveStream(Mutex::new(Some((body, admitted)))));
        generation.streams.add(&stream);
        stream
    }

    pub(crate) fn poll(
        &self,
        cancelled: &mut Option<Cancellation>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        let mut stream = self.0.lock();
        let Some((body, admitted)) = stream.as_mut() else { return Poll::Ready(Some(Err(replaced()))) };
        let generation = admitted.generation();
        if generation.cancel.is_cancelled() {
            return Poll::Ready(Some(Err(replaced())));
        }
        match Pin::new(body).poll_frame(context) {
            Poll::Ready(Some(Err(error))) => {
                if matches!(error.0, CallError::Panicked(_)) {
                    generation.panics.inc();
                }
                let number = generation.number;
                tracing::error!(plugin.id = %generation.id, generation = number, "the body stream failed: {}", error.0);
                generation.note("error", &format!("body stream: {}", error.0));
                Poll::Ready(Some(Err(error)))
            }
            Poll::Pending => {
                let waits = cancelled
                    .get_or_insert_with(|| Cancellation(Box::pin(generation.cancel.clone().cancelled_owned())));
                std::task::ready!(waits.0.as_mut().poll(context));
                Poll::Ready(Some(Err(replaced())))
            }
            ready => ready,
        }
    }
}

fn replaced() -> BodyFailure {
    BodyFailure(CallError::Failed("the generation was replaced and its drain timeout has passed".to_owned()))
}
