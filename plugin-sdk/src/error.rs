//! The error type of handlers.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::{IntoResponse, Response};

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error response: an RFC 9457 problem document with a status and a stable code.
///
/// Any `std::error::Error` becomes one with `?`: status 500, code `internal`, and the chain of causes in the
/// host's log, not in the response.
///
/// ```
/// use plugin_sdk::{Error, StatusCode};
/// let error = Error::new(StatusCode::NOT_FOUND, "no_such_cat").with_detail("there is no cat 7");
/// assert_eq!(error.status(), 404);
/// ```
///
/// The response then is
///
/// ```json
/// {"type": "about:blank", "title": "Not Found", "status": 404, "code": "no_such_cat", "detail": "there is no cat 7"}
/// ```
///
/// and `error`, which is the detail or the title, for clients that do not support problem documents.
pub struct Error(Box<Problem>);

struct Problem {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
    fields: Vec<FieldError>,
    headers: HeaderMap,
    cause: Option<Cause>,
}

/// A problem with one field of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FieldError {
    /// The JSON pointer of the field, such as `/cats/0/name`; empty for the whole.
    pub pointer: String,
    /// A sentence for the caller.
    pub message: String,
}

impl Error {
    /// Creates an error with a status and a stable code.
    pub fn new(status: StatusCode, code: impl Into<Cow<'static, str>>) -> Error {
        Error(Box::new(Problem {
            status,
            code: code.into(),
            detail: String::new(),
            fields: Vec::new(),
            headers: HeaderMap::new(),
            cause: None,
        }))
    }

    /// Status 500 and code `internal`, as created by `?`: for causes that do not implement `std::error::Error`, such as
    /// a text, a `Box<dyn Error + Send + Sync>` or an `anyhow::Error`.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::new(StatusCode::INTERNAL_SERVER_ERROR, "internal").with_cause(cause)
    }

    /// Sets the sentence for the caller.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Error {
        self.0.detail = detail.into();
        self
    }

    /// Adds a problem with one field; `pointer` is its JSON pointer.
    pub fn with_field(mut self, pointer: impl Into<String>, message: impl Into<String>) -> Error {
        self.0.fields.push(FieldError { pointer: pointer.into(), message: message.into() });
        self
    }

    /// Adds a header to the response.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Error {
        self.0.headers.insert(name, value);
        self
    }

    /// Sets `retry-after`, in whole seconds, rounded up.
    pub fn with_retry_after(self, wait: Duration) -> Error {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// Sets the cause, which is logged and never sent to the caller.
    pub fn with_cause(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        self.0.cause = Some(cause.into());
        self
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The sentence for the caller; may be empty.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The problems with single fields.
    pub fn fields(&self) -> &[FieldError] {
        &self.0.fields
    }

    /// Describes the error for the operator: detail, code, fields and causes.
    pub(crate) fn for_operator(&self) -> String {
        let mut text = match (self.0.detail.as_str(), &self.0.cause) {
            ("", None) => self.0.code.to_string(),
            ("", Some(_)) => String::new(),
            (detail, _) => detail.to_owned(),
        };
        for field in &self.0.fields {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&format!("{} {}", field.pointer, field.message));
        }
        let mut next = self.0.cause.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static));
        while let Some(cause) = next {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.for_operator())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({} {}: {})", self.0.status.as_u16(), self.0.code, self.for_operator())
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Error {
        // The error may be borrowed and need not be `Send`, so only its texts are stored.
        let mut cause = error.to_string();
        let mut source = error.source();
        while let Some(next) = source {
            cause = format!("{cause}: {next}");
            source = next.source();
        }
        Error::internal(cause)
    }
}

/// An [`Error`] as `std::error::Error`. [`Error`] itself cannot implement that trait, because every type with that
/// trait converts to [`Error`].
struct Boxed(Error);

impl From<Error> for Box<dyn std::error::Error + Send + Sync> {
    fn from(error: Error) -> Self {
        Box::new(Boxed(error))
    }
}

impl From<Error> for Box<dyn std::error::Error> {
    fn from(error: Error) -> Self {
        Box::new(Boxed(error))
    }
}

#[cfg(feature = "tower")]
impl Error {
    /// Returns the [`Error`] inside `boxed`, or an error with status 500 and `boxed` as its cause.
    pub(crate) fn unbox(boxed: Box<dyn std::error::Error + Send + Sync>) -> Error {
        match boxed.downcast::<Boxed>() {
            Ok(boxed) => boxed.0,
            Err(other) => Error::internal(other),
        }
    }
}

impl fmt::Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Boxed {}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Document<'a> {
            r#type: &'a str,
            title: &'a str,
            status: u16,
            code: &'a str,
            #[serde(skip_serializing_if = "str::is_empty")]
            detail: &'a str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            errors: &'a [FieldError],
            error: &'a str,
        }
        let Problem { status, code, detail, fields, headers, cause } = &*self.0;
        let title = status.canonical_reason().unwrap_or("error");
        let document = Document {
            r#type: "about:blank",
            title,
            status: status.as_u16(),
            code,
            detail,
            errors: fields,
            error: if detail.is_empty() { title } else { detail },
        };
        let mut response = Response::json(*status, &document);
        response.set_content_type("application/problem+json");
        response.headers_mut().extend(headers.clone());
        response.log = (cause.is_some() || status.is_server_error()).then(|| self.for_operator());
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("failed to open the shop")
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn causes_go_to_the_log_and_not_to_the_caller() {
        let error = Error::from(Outer(std::io::Error::other("the key is lost")));
        assert_eq!((error.status(), error.code()), (StatusCode::INTERNAL_SERVER_ERROR, "internal"));
        let response = error.into_response();
        assert_eq!(response.log.as_deref(), Some("failed to open the shop: the key is lost"));
        let body = String::from_utf8(response.whole_body().to_vec()).unwrap();
        assert!(!body.contains("shop") && body.contains(r#""error":"Internal Server Error""#), "{body}");
    }

    #[test]
    fn fields_and_headers_are_in_the_answer() {
        let error = Error::new(StatusCode::TOO_MANY_REQUESTS, "slow_down")
            .with_detail("one cat a second")
            .with_field("/cats/0", "too many")
            .with_retry_after(Duration::from_millis(1500));
        let response = error.into_response();
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(
            std::str::from_utf8(response.whole_body()).unwrap(),
            r#"{"type":"about:blank","title":"Too Many Requests","status":429,"code":"slow_down","detail":"one cat a second","errors":[{"pointer":"/cats/0","message":"too many"}],"error":"one cat a second"}"#
        );
        assert_eq!(response.log, None);
    }

    #[test]
    fn texts_and_boxed_errors_become_errors_and_back() {
        assert_eq!(Error::internal("no cats").to_string(), "no cats");
        let boxed: Box<dyn std::error::Error + Send + Sync> = Error::new(StatusCode::GONE, "gone").into();
        assert_eq!(boxed.to_string(), "gone");
        assert_eq!(Error::internal(boxed).to_string(), "gone");
    }
}
