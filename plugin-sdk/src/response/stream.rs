//! Responses that are streamed.

use bytes::Bytes;
use futures_core::Stream;
use http::StatusCode;

use super::BYTES;
use crate::{Body, Error, IntoResponse, Response};

/// A streamed body; back pressure reaches the stream.
///
/// ```
/// # use plugin_sdk::{Bytes, Error, IntoResponse, StreamBody};
/// # fn answer(stream: impl futures_core::Stream<Item = Result<Bytes, Error>> + Send + 'static) -> impl IntoResponse {
/// StreamBody(stream)
/// # }
/// ```
///
/// A failure ends the response early, which tells the caller; the host logs it. The stream is dropped if the caller
/// disconnects.
#[derive(Clone, Debug)]
pub struct StreamBody<S>(pub S);

impl<S, B, E> IntoResponse for StreamBody<S>
where
    S: Stream<Item = Result<B, E>> + Send + 'static,
    B: Into<Bytes>,
    E: Into<Error>,
{
    fn into_response(self) -> Response {
        Response::new(StatusCode::OK, Body::from_stream(self.0)).with_content_type(BYTES)
    }
}
