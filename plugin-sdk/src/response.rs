//! Responses of handlers.

mod headers;
mod redirect;
mod sse;
mod stream;

use std::borrow::Cow;
use std::convert::Infallible;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use plugin_sdk_abi::{Chunk, write_pairs};
use serde::Serialize;

use crate::{Body, Error};

pub use headers::IntoResponseParts;
pub use redirect::Redirect;
pub use sse::{Event, Sse};
pub use stream::StreamBody;

/// A response: status, headers and body.
#[derive(Debug)]
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
    /// A line for the host's log, not for the caller.
    pub(crate) log: Option<String>,
}

/// The types that a handler may return.
///
/// | type | response |
/// |---|---|
/// | `&'static str`, `String`, `Cow<'static, str>` | 200, `text/plain; charset=utf-8` |
/// | [`Html`] | 200, `text/html; charset=utf-8` |
/// | [`Json`](crate::Json), `serde_json::Value` | 200, `application/json` |
/// | `Bytes`, `Vec<u8>`, `&'static [u8]`, [`Body`], [`StreamBody`] | 200, `application/octet-stream` |
/// | [`Sse`] | 200, `text/event-stream` |
/// | `()`, [`NoContent`] | 204, no body |
/// | [`StatusCode`] | that status, no body |
/// | [`Redirect`] | 303, 307 or 308 |
/// | `(StatusCode, R)`, `(parts…, R)`, `(StatusCode, parts…, R)` | `R` with another status and more headers; parts are [`HeaderMap`] or `[(name, value); N]` |
/// | `http::Response<R>` | `R` with that status and those headers |
/// | [`Error`] | a problem document |
/// | `Result<R, E>` | the response of `R` or of `E` |
#[diagnostic::on_unimplemented(
    message = "a handler can't return `{Self}`",
    label = "not a response",
    note = "a handler returns a text, `Html`, `Json<T>`, bytes, a `StatusCode`, `StreamBody`, `Sse`, `Redirect`, \
            `NoContent`, a tuple such as `(StatusCode, [(name, value); N], body)`, `http::Response<_>`, or a `Result` \
            of one of these with `plugin_sdk::Error`",
    note = "to send a value of your own as JSON, return `Json(value)`"
)]
pub trait IntoResponse {
    /// Creates the response.
    fn into_response(self) -> Response;
}

/// A page: `text/html; charset=utf-8`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Html<T>(pub T);

/// A response without a body: 204.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoContent;

const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

impl Response {
    /// Creates a response with a body and no content type.
    pub fn new(status: StatusCode, body: impl Into<Body>) -> Response {
        Response { status, headers: HeaderMap::new(), body: body.into(), log: None }
    }

    /// Creates a response with a JSON body; 500 if `value` does not serialize.
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

    /// Takes the body; status and headers stay.
    pub fn into_body(self) -> Body {
        self.body
    }

    /// Sets the status.
    pub fn with_status(mut self, status: StatusCode) -> Response {
        self.status = status;
        self
    }

    /// Sets a header.
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

    #[cfg(test)]
    pub(crate) fn whole_body(&self) -> &[u8] {
        self.body.first()
    }

    pub(crate) fn into_abi(self) -> plugin_sdk_abi::Response {
        let mut headers = Vec::with_capacity(64 * self.headers.len() + 4);
        write_pairs(
            &mut headers,
            self.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())),
        );
        let (body, stream) = self.body.into_abi();
        plugin_sdk_abi::Response { status: self.status.as_u16(), headers: Chunk::from_vec(headers), body, stream }
    }
}

impl IntoResponse for Response {
    fn into_response(self) -> Response {
        self
    }
}

impl IntoResponse for Infallible {
    fn into_response(self) -> Response {
        match self {}
    }
}

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        Response::new(StatusCode::NO_CONTENT, "")
    }
}

impl IntoResponse for () {
    fn into_response(self) -> Response {
        NoContent.into_response()
    }
}

impl IntoResponse for StatusCode {
    fn into_response(self) -> Response {
        Response::new(self, "")
    }
}

/// Implements `IntoResponse` for body types, each with its media type.
macro_rules! bodies {
    ($($type:ty, $content_type:expr, |$value:ident| $body:expr;)*) => {$(
        impl IntoResponse for $type {
            fn into_response(self) -> Response {
                let $value = self;
                Response::new(StatusCode::OK, $body).with_content_type($content_type)
            }
        }
    )*};
}

bodies! {
    &'static str, TEXT, |text| text;
    String, TEXT, |text| text;
    Box<str>, TEXT, |text| String::from(text);
    Cow<'static, str>, TEXT, |text| text.into_owned();
    Bytes, BYTES, |bytes| bytes;
    BytesMut, BYTES, |bytes| bytes.freeze();
    Vec<u8>, BYTES, |bytes| bytes;
    &'static [u8], BYTES, |bytes| Bytes::from_static(bytes);
    Body, BYTES, |body| body;
}

impl<const N: usize> IntoResponse for &'static [u8; N] {
    fn into_response(self) -> Response {
        self.as_slice().into_response()
    }
}

impl<T: Into<Body>> IntoResponse for Html<T> {
    fn into_response(self) -> Response {
        Response::new(StatusCode::OK, self.0).with_content_type("text/html; charset=utf-8")
    }
}

impl IntoResponse for serde_json::Value {
    fn into_response(self) -> Response {
        Response::json(StatusCode::OK, &self)
    }
}

impl<R: IntoResponse> IntoResponse for http::Response<R> {
    fn into_response(self) -> Response {
        let (head, body) = self.into_parts();
        let mut response = body.into_response().with_status(head.status);
        // A repeated name in the map stays repeated and replaces the body's own header.
        response.headers.extend(head.headers);
        response
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_answer_has_its_status_type_and_body() {
        let html = Html("<p>").into_response();
        let json = serde_json::json!({"a": 1}).into_response();
        let ready_made = http::Response::builder().status(201).header("x-a", "1").header("content-type", "text/x");
        for (response, status, content_type, body) in [
            ("a".into_response(), 200, TEXT, "a"),
            ("a".to_owned().into_response(), 200, TEXT, "a"),
            (Cow::Borrowed("a").into_response(), 200, TEXT, "a"),
            (b"a".into_response(), 200, BYTES, "a"),
            (Bytes::from_static(b"a").into_response(), 200, BYTES, "a"),
            (html, 200, "text/html; charset=utf-8", "<p>"),
            (json, 200, "application/json", r#"{"a":1}"#),
            (().into_response(), 204, "", ""),
            (NoContent.into_response(), 204, "", ""),
            (StatusCode::IM_A_TEAPOT.into_response(), 418, "", ""),
            (Ok::<_, Error>("a").into_response(), 200, TEXT, "a"),
            (ready_made.body("a").unwrap().into_response(), 201, "text/x", "a"),
        ] {
            let found = response.headers().get("content-type").map_or("", |value| value.to_str().unwrap());
            assert_eq!((response.status().as_u16(), found), (status, content_type));
            assert_eq!(response.whole_body(), body.as_bytes());
        }
    }
}
