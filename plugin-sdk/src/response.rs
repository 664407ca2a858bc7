//! What a handler's return value becomes.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use plugin_sdk_abi::{BodyStream, Chunk, Failure, ROption, write_pairs};
use serde::Serialize;

use crate::{Error, guard};

type BoxStream = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// An answer: status, headers, body.
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Content,
    /// A line for the host's log, not for the caller.
    pub(crate) log: Option<String>,
}

enum Content {
    Whole(Bytes),
    Stream(BoxStream),
}

/// Anything a handler may return.
pub trait IntoResponse {
    /// Makes the answer.
    fn into_response(self) -> Response;
}

/// A body that is sent as its stream gives it; back pressure reaches the stream.
///
/// ```
/// # use plugin_sdk::{Bytes, Error, IntoResponse, StreamBody};
/// # fn answer(stream: impl futures_core::Stream<Item = Result<Bytes, Error>> + Send + 'static) -> impl IntoResponse {
/// StreamBody(stream)
/// # }
/// ```
pub struct StreamBody<S>(pub S);

impl Response {
    /// An answer with a whole body and no content type.
    pub fn new(status: StatusCode, body: impl Into<Bytes>) -> Response {
        Response { status, headers: HeaderMap::new(), body: Content::Whole(body.into()), log: None }
    }

    /// An answer with a JSON body; 500 when `value` does not serialize.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Response {
        match serde_json::to_vec(value) {
            Ok(body) => Response::new(status, body).with_content_type("application/json"),
            Err(error) => Error::from(error).into_response(),
        }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The headers, to change.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// The same with another status.
    pub fn with_status(mut self, status: StatusCode) -> Response {
        self.status = status;
        self
    }

    /// The same with a header set.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Response {
        self.headers.insert(name, value);
        self
    }

    pub(crate) fn set_content_type(&mut self, value: &'static str) {
        self.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
    }

    fn with_content_type(mut self, value: &'static str) -> Response {
        self.set_content_type(value);
        self
    }

    pub(crate) fn into_abi(self) -> plugin_sdk_abi::Response {
        let mut headers = Vec::with_capacity(64 * self.headers.len() + 4);
        write_pairs(
            &mut headers,
            self.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())),
        );
        let (body, stream) = match self.body {
            Content::Whole(bytes) => (chunk_of(bytes), ROption::RNone),
            Content::Stream(stream) => (Chunk::EMPTY, ROption::RSome(pulled(stream))),
        };
        plugin_sdk_abi::Response { status: self.status.as_u16(), headers: Chunk::from_vec(headers), body, stream }
    }
}

/// `bytes` without a copy: the `Vec` itself when nobody else shares it, else a handle.
fn chunk_of(bytes: Bytes) -> Chunk {
    match bytes.try_into_mut() {
        Ok(unique) => Chunk::from_vec(unique.into()),
        Err(shared) => Chunk::from_owner(shared),
    }
}

fn pulled(stream: BoxStream) -> BodyStream {
    let mut stream = Some(stream);
    let next = move |context: &mut std::task::Context<'_>| {
        let Some(live) = stream.as_mut() else { return std::task::Poll::Ready(None) };
        let item = match guard::guarded(AssertUnwindSafe(|| live.as_mut().poll_next(context))) {
            Ok(polled) => std::task::ready!(polled)
                .map(|item| item.map(chunk_of).map_err(|error| Failure::failed(&error.for_operator()))),
            Err(failure) => Some(Err(failure)),
        };
        if !matches!(item, Some(Ok(_))) {
            stream = None;
        }
        std::task::Poll::Ready(item)
    };
    BodyStream::new(next, guard::failure_of)
}

impl IntoResponse for Response {
    fn into_response(self) -> Response {
        self
    }
}

impl IntoResponse for () {
    fn into_response(self) -> Response {
        Response::new(StatusCode::NO_CONTENT, Bytes::new())
    }
}

impl IntoResponse for StatusCode {
    fn into_response(self) -> Response {
        Response::new(self, Bytes::new())
    }
}

impl IntoResponse for &'static str {
    fn into_response(self) -> Response {
        Response::new(StatusCode::OK, self).with_content_type("text/plain; charset=utf-8")
    }
}

impl IntoResponse for String {
    fn into_response(self) -> Response {
        Response::new(StatusCode::OK, self).with_content_type("text/plain; charset=utf-8")
    }
}

impl IntoResponse for Bytes {
    fn into_response(self) -> Response {
        Response::new(StatusCode::OK, self).with_content_type("application/octet-stream")
    }
}

impl IntoResponse for Vec<u8> {
    fn into_response(self) -> Response {
        Bytes::from(self).into_response()
    }
}

impl IntoResponse for serde_json::Value {
    fn into_response(self) -> Response {
        Response::json(StatusCode::OK, &self)
    }
}

impl<S, B, E> IntoResponse for StreamBody<S>
where
    S: Stream<Item = Result<B, E>> + Send + 'static,
    B: Into<Bytes>,
    E: Into<Error>,
{
    fn into_response(self) -> Response {
        struct Mapped<S>(Pin<Box<S>>);
        impl<S: Stream<Item = Result<B, E>>, B: Into<Bytes>, E: Into<Error>> Stream for Mapped<S> {
            type Item = Result<Bytes, Error>;
            fn poll_next(
                mut self: Pin<&mut Self>,
                context: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Self::Item>> {
                let item = std::task::ready!(self.0.as_mut().poll_next(context));
                std::task::Poll::Ready(item.map(|item| item.map(Into::into).map_err(Into::into)))
            }
        }
        let mut response = Response::new(StatusCode::OK, Bytes::new()).with_content_type("application/octet-stream");
        response.body = Content::Stream(Box::pin(Mapped(Box::pin(self.0))));
        response
    }
}

impl<R: IntoResponse> IntoResponse for (StatusCode, R) {
    fn into_response(self) -> Response {
        self.1.into_response().with_status(self.0)
    }
}

impl<R: IntoResponse> IntoResponse for (HeaderMap, R) {
    fn into_response(self) -> Response {
        let mut response = self.1.into_response();
        response.headers.extend(self.0);
        response
    }
}

impl<R: IntoResponse> IntoResponse for (StatusCode, HeaderMap, R) {
    fn into_response(self) -> Response {
        (self.1, self.2).into_response().with_status(self.0)
    }
}

impl<R: IntoResponse, E: IntoResponse> IntoResponse for Result<R, E> {
    fn into_response(self) -> Response {
        match self {
            Ok(response) => response.into_response(),
            Err(error) => error.into_response(),
        }
    }
}
