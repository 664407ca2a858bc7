//! Responses to plugins: bodies, JSON and problem documents.

use bytes::Bytes;
use host_core::configuration::Violation;
use host_load::ServiceBody;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use serde::Serialize;

use crate::Error;

/// A response with these bytes as its body.
pub(crate) fn whole(status: StatusCode, body: impl Into<Bytes>) -> Response<ServiceBody> {
    let mut response = Response::new(Full::new(body.into()).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// A response 200 with a JSON body.
pub(crate) fn json(value: &impl Serialize) -> Response<ServiceBody> {
    // Structs of strings and numbers always serialize.
    let mut response = whole(StatusCode::OK, serde_json::to_vec(value).unwrap_or_default());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[derive(Serialize)]
struct ProblemDocument<'a> {
    r#type: &'a str,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError<'a>>,
}

#[derive(Serialize)]
struct FieldError<'a> {
    pointer: &'a str,
    message: &'a str,
}

/// The refusal as a problem document.
pub(crate) fn refusal(error: &Error) -> Response<ServiceBody> {
    problem(error.status(), error.code(), &error.to_string(), &[])
}

/// A problem document (RFC 9457) for a plugin, with the violations of the body that it sent.
pub fn problem(status: StatusCode, code: &str, detail: &str, violations: &[Violation]) -> Response<ServiceBody> {
    let title = status.canonical_reason().unwrap_or("error");
    let errors = violations.iter().map(|Violation { pointer, message }| FieldError { pointer, message }).collect();
    let mut response =
        json(&ProblemDocument { r#type: "about:blank", title, status: status.as_u16(), code, detail, errors });
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// Reads all bytes of a body; `None` if it exceeds `max_bytes`.
pub(crate) async fn collect(body: ServiceBody, max_bytes: usize) -> Result<Option<Vec<u8>>, Error> {
    match Limited::new(body, max_bytes).collect().await {
        Ok(collected) => Ok(Some(collected.to_bytes().into())),
        Err(error) if error.is::<LengthLimitError>() => Ok(None),
        Err(error) => Err(Error::Body { message: error.to_string() }),
    }
}
