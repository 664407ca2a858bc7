//! A body that owns a value until its last byte.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};

/// A body and a value that is dropped with it.
#[derive(Debug)]
pub(crate) struct GuardedBody<B, T> {
    body: B,
    _held: T,
}

impl<B, T> GuardedBody<B, T> {
    pub(crate) fn new(body: B, held: T) -> GuardedBody<B, T> {
        GuardedBody { body, _held: held }
    }
}

impl<B: Body + Unpin, T: Unpin> Body for GuardedBody<B, T> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
