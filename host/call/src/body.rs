//! The body of a response, on its way to the caller.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use host_load::{BodyFailure, CallError, ResponseBody};
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;

use crate::admission::Admitted;

/// The body of a plugin's response. A streamed body holds the admission until its last byte was read, so that the
/// generation is not stopped before; it ends with an error when the generation is aborted.
#[derive(Debug)]
pub struct CallBody(BodyKind);

#[derive(Debug)]
enum BodyKind {
    /// All bytes are present and hold what they need themselves.
    Whole(ResponseBody),
    Stream {
        stream: Arc<LiveStream>,
        aborted: Option<Aborted>,
    },
    Ended,
}

/// A stream and the admission that it holds; `None` once it was aborted.
#[derive(Debug)]
struct LiveStream(Mutex<Option<(ResponseBody, Admitted)>>);

/// Waits for the abortion of the generation.
struct Aborted(Pin<Box<dyn Future<Output = ()> + Send + Sync>>);

impl std::fmt::Debug for Aborted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Aborted")
    }
}

/// The streams of a generation. A stream whose caller does not read is not polled and would not notice the abortion by
/// itself.
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

    /// Ends every stream that is not being polled; a polled stream notices the abortion itself.
    pub(crate) fn abort(&self) {
        let all = std::mem::take(&mut *self.0.lock());
        for stream in all.iter().filter_map(Weak::upgrade) {
            let taken = stream.0.try_lock().and_then(|mut stream| stream.take());
            drop(taken);
        }
    }
}

impl CallBody {
    pub(crate) fn new(body: ResponseBody, admitted: Admitted) -> CallBody {
        if !body.is_stream() {
            return CallBody(BodyKind::Whole(body));
        }
        let generation = admitted.generation().clone();
        let stream = Arc::new(LiveStream(Mutex::new(Some((body, admitted)))));
        generation.streams.add(&stream);
        CallBody(BodyKind::Stream { stream, aborted: None })
    }
}

impl Body for CallBody {
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        let (stream, aborted) = match &mut self.0 {
            BodyKind::Whole(body) => return Pin::new(body).poll_frame(context),
            BodyKind::Ended => return Poll::Ready(None),
            BodyKind::Stream { stream, aborted } => (stream, aborted),
        };
        let polled = stream.poll(aborted, context);
        if !matches!(polled, Poll::Pending | Poll::Ready(Some(Ok(_)))) {
            // Drops the plugin's stream, then the admission that keeps its generation from being stopped.
            self.0 = BodyKind::Ended;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            BodyKind::Whole(body) => body.is_end_stream(),
            BodyKind::Stream { .. } => false,
            BodyKind::Ended => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            BodyKind::Whole(body) => body.size_hint(),
            BodyKind::Stream { .. } => SizeHint::default(),
            BodyKind::Ended => SizeHint::with_exact(0),
        }
    }
}

impl LiveStream {
    fn poll(
        &self,
        aborted: &mut Option<Aborted>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        let mut stream = self.0.lock();
        let Some((body, admitted)) = stream.as_mut() else { return Poll::Ready(Some(Err(replaced()))) };
        let generation = admitted.generation();
        if generation.cut.is_cancelled() {
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
                let waits = aborted.get_or_insert_with(|| Aborted(Box::pin(generation.cut.clone().cancelled_owned())));
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
