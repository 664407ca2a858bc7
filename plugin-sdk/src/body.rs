//! Request and response bodies.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use plugin_sdk_abi::{BodyStream, Chunk, Failure, ROption};

use crate::guard::{self, Scoped};
use crate::{Error, StatusCode};

/// A request or response body: a stream of chunks, each read on demand.
#[derive(Default)]
pub struct Body {
    first: Option<First>,
    rest: Option<BodyStream>,
    /// Converts a failure of `rest` to an error.
    broken: Option<fn(&str) -> Error>,
}

/// Bytes that are available without waiting.
enum First {
    Bytes(Bytes),
    /// Most responses are made of a `Vec`, which the boundary takes as it is.
    Vec(Vec<u8>),
}

impl First {
    fn as_slice(&self) -> &[u8] {
        match self {
            First::Bytes(bytes) => bytes,
            First::Vec(bytes) => bytes,
        }
    }

    fn into_bytes(self) -> Bytes {
        match self {
            First::Bytes(bytes) => bytes,
            First::Vec(bytes) => bytes.into(),
        }
    }

    fn into_chunk(self) -> Chunk {
        match self {
            First::Bytes(bytes) => chunk_of(bytes),
            First::Vec(bytes) => Chunk::from_vec(bytes),
        }
    }
}

impl Body {
    pub(crate) fn from_abi(first: Chunk, rest: Option<BodyStream>) -> Body {
        let first = (!first.is_empty()).then(|| First::Bytes(Bytes::from_owner(first)));
        Body { first, rest, broken: None }
    }

    /// Creates a body from a stream; back pressure reaches the stream.
    pub fn from_stream<S, B, E>(stream: S) -> Body
    where
        S: Stream<Item = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: Into<Error>,
    {
        Body { first: None, rest: Some(pulled(stream)), broken: None }
    }

    /// Returns whether the body has ended. A body whose end has not been read yet is not empty.
    pub fn is_empty(&self) -> bool {
        self.first.is_none() && self.rest.is_none()
    }

    /// Reads the next chunk; `None` at the end.
    ///
    /// # Errors
    /// The caller disconnected, or sent more than the endpoint's `max_body_bytes`.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, Error>> {
        poll_fn(|context| self.poll_chunk(context)).await
    }

    /// Reads the whole body if it has at most `max_bytes`.
    ///
    /// # Errors
    /// 413 if the body is larger, and the errors of [`Body::chunk`].
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

    /// Replaces the error `body_incomplete` for failures, for bodies that no caller sends.
    pub(crate) fn broken_as(mut self, broken: fn(&str) -> Error) -> Body {
        self.broken = Some(broken);
        self
    }

    pub(crate) fn into_abi(self) -> (Chunk, ROption<BodyStream>) {
        (self.first.map_or(Chunk::EMPTY, First::into_chunk), self.rest.into())
    }

    /// Returns the bytes that are available without waiting.
    #[cfg(test)]
    pub(crate) fn first(&self) -> &[u8] {
        self.first.as_ref().map_or(&[], First::as_slice)
    }

    #[cfg(feature = "tower")]
    pub(crate) fn known_length(&self) -> Option<u64> {
        self.rest.is_none().then(|| self.first.as_ref().map_or(0, |first| first.as_slice().len() as u64))
    }

    pub(crate) fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first.into_bytes())));
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let item = ready!(rest.poll_next(context));
        if !matches!(item, Some(Ok(_))) {
            self.rest = None;
        }
        let broken = self.broken.unwrap_or(incomplete);
        Poll::Ready(item.map(|chunk| chunk.map(Bytes::from_owner).map_err(|failure| broken(failure.message.as_str()))))
    }
}

fn incomplete(message: &str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, "body_incomplete").with_detail(message)
}

/// Converts `bytes` without a copy: into the `Vec` itself if it is not shared, otherwise into a handle.
fn chunk_of(bytes: Bytes) -> Chunk {
    match bytes.try_into_mut() {
        Ok(unique) => Chunk::from_vec(unique.into()),
        Err(shared) => Chunk::from_owner(shared),
    }
}

fn pulled<S, B, E>(stream: S) -> BodyStream
where
    S: Stream<Item = Result<B, E>> + Send + 'static,
    B: Into<Bytes>,
    E: Into<Error>,
{
    let mut stream = Scoped::capture(Box::pin(stream));
    let next = move |context: &mut Context<'_>| {
        let polled = stream.guarded(|live| {
            let polled = live.as_mut().poll_next(context).map(|item| {
                item.map(|item| match item {
                    Ok(bytes) => Ok(chunk_of(bytes.into())),
                    Err(error) => Err(Failure::failed(&error.into().for_operator())),
                })
            });
            let has_ended = matches!(polled, Poll::Ready(None | Some(Err(_))));
            (polled, has_ended)
        });
        match polled {
            None => Poll::Ready(None),
            Some(Ok(polled)) => polled,
            Some(Err(failure)) => Poll::Ready(Some(Err(failure))),
        }
    };
    BodyStream::new(next, guard::failure_of)
}

impl Stream for Body {
    type Item = Result<Bytes, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_chunk(context)
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body { first: (!bytes.is_empty()).then_some(First::Bytes(bytes)), rest: None, broken: None }
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Body { first: (!bytes.is_empty()).then_some(First::Vec(bytes)), rest: None, broken: None }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Body {
        Body::from(text.into_bytes())
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Body {
        Body::from(Bytes::from_static(text.as_bytes()))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.rest.is_some() { " and more" } else { "" };
        write!(f, "Body({} bytes{more})", self.first.as_ref().map_or(0, |first| first.as_slice().len()))
    }
}
