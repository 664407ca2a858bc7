//! The body of a response, on its way to the caller.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use host_load::{BodyFailure, ResponseBody};
use http_body::{Body, Frame, SizeHint};

use crate::generation::{Admitted, Cancellation, LiveStream};

/// The body of a plugin's response. A streamed body holds the admission until its last byte was read, so that the
/// generation is not stopped before; it ends with an error when the generation cancels its calls.
#[derive(Debug)]
pub struct CallBody(BodyKind);

#[derive(Debug)]
enum BodyKind {
    /// All bytes are present. Each chunk guards the library itself.
    Whole(ResponseBody),
    Stream {
        stream: Arc<LiveStream>,
        cancelled: Option<Cancellation>,
    },
    Ended,
}

impl CallBody {
    pub(crate) fn new(body: ResponseBody, admitted: Admitted) -> CallBody {
        if !body.is_stream() {
            return CallBody(BodyKind::Whole(body));
        }
        CallBody(BodyKind::Stream { stream: LiveStream::new(body, admitted), cancelled: None })
    }
}

impl Body for CallBody {
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        let (stream, cancelled) = match &mut self.0 {
            BodyKind::Whole(body) => return Pin::new(body).poll_frame(context),
            BodyKind::Ended => return Poll::Ready(None),
            BodyKind::Stream { stream, cancelled } => (stream, cancelled),
        };
        let polled = stream.poll(cancelled, context);
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
