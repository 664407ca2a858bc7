//! The body of an answer, on its way to the caller.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use host_load::{AnswerBody, BodyFailure, CallError};
use http_body::{Body, Frame, SizeHint};

use crate::admission::Admitted;

/// The body of a plugin's answer. Holds the admission until the last byte was taken, so that the generation is not
/// stopped under it; ends with an error when the generation is cut.
#[derive(Debug)]
pub struct CallBody {
    body: AnswerBody,
    /// `None` once the body has ended.
    admitted: Option<Admitted>,
    cut: Option<Cut>,
}

struct Cut(Pin<Box<dyn Future<Output = ()> + Send + Sync>>);

impl std::fmt::Debug for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cut")
    }
}

impl CallBody {
    pub(crate) fn new(body: AnswerBody, admitted: Admitted) -> CallBody {
        CallBody { body, admitted: Some(admitted), cut: None }
    }
}

impl Body for CallBody {
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        let this = &mut *self;
        let Some(admitted) = &this.admitted else { return Poll::Ready(None) };
        if admitted.generation.cut.is_cancelled() {
            return Poll::Ready(this.end(Some(cut_off())));
        }
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(Ok(frame))),
            Poll::Ready(Some(Err(error))) => {
                tracing::error!(plugin.id = admitted.generation.id.as_str(), "the body stream failed: {}", error.0);
                admitted.generation.note("error", &format!("body stream: {}", error.0));
                Poll::Ready(this.end(Some(error)))
            }
            Poll::Ready(None) => Poll::Ready(this.end(None)),
            Poll::Pending => {
                let cut = admitted.generation.cut.clone();
                let waits = this.cut.get_or_insert_with(|| Cut(Box::pin(cut.cancelled_owned())));
                std::task::ready!(waits.0.as_mut().poll(context));
                Poll::Ready(this.end(Some(cut_off())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl CallBody {
    fn end<T>(&mut self, error: Option<BodyFailure>) -> Option<Result<T, BodyFailure>> {
        self.admitted = None;
        error.map(Err)
    }
}

fn cut_off() -> BodyFailure {
    BodyFailure(CallError::Failed("the generation was replaced and the drain's deadline passed".to_owned()))
}
