//! The body of a request, as it comes in.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use plugin_sdk_abi::{BodyStream, Chunk};

use crate::{Error, StatusCode};

/// The body of a request: a stream of chunks, pulled as they are wanted.
#[derive(Debug, Default)]
pub struct Body {
    first: Option<Bytes>,
    rest: Option<BodyStream>,
}

impl Body {
    pub(crate) fn new(first: Chunk, rest: Option<BodyStream>) -> Body {
        let first = (!first.is_empty()).then(|| Bytes::from_owner(first));
        Body { first, rest }
    }

    /// The next chunk; `None` at the end.
    ///
    /// # Errors
    /// The caller went away, or sent more than the endpoint's `max_body_bytes`.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, Error>> {
        poll_fn(|context| self.poll_chunk(context)).await
    }

    /// The whole body, when it has at most `max_bytes`.
    ///
    /// # Errors
    /// 413 when there is more, and whatever [`Body::chunk`] reports.
    pub async fn collect(mut self, max_bytes: usize) -> Result<Bytes, Error> {
        let mut all = BytesMut::new();
        while let Some(chunk) = self.chunk().await {
            let chunk = chunk?;
            if all.len() + chunk.len() > max_bytes {
                return Err(Error::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large")
                    .with_detail(format!("the body has more than {max_bytes} bytes")));
            }
            if all.is_empty() && self.rest.is_none() {
                return Ok(chunk);
            }
            all.extend_from_slice(&chunk);
        }
        Ok(all.freeze())
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let item = std::task::ready!(rest.poll_next(context));
        if !matches!(item, Some(Ok(_))) {
            self.rest = None;
        }
        Poll::Ready(item.map(|chunk| {
            chunk.map(Bytes::from_owner).map_err(|failure| {
                Error::new(StatusCode::BAD_REQUEST, "body_incomplete").with_detail(failure.message.as_str())
            })
        }))
    }
}

impl Stream for Body {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_chunk(context)
    }
}
