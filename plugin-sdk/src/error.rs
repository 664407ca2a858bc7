//! What a handler returns when it can't answer.

use std::fmt;

use http::StatusCode;
use serde::Serialize;

use crate::{IntoResponse, Response};

/// A result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An answer that says what is wrong: an RFC 9457 problem document with a status and a stable code.
///
/// Any `std::error::Error` becomes one with `?`: status 500, code `internal`, and the chain of causes in the
/// host's log, not in the answer.
///
/// ```
/// use plugin_sdk::{Error, StatusCode};
/// let error = Error::new(StatusCode::NOT_FOUND, "no_such_cat").with_detail("there is no cat 7");
/// assert_eq!(error.status(), 404);
/// ```
#[derive(Debug)]
pub struct Error {
    status: StatusCode,
    code: &'static str,
    detail: String,
    cause: Option<String>,
}

impl Error {
    /// An error with a status and a word for programs.
    pub fn new(status: StatusCode, code: &'static str) -> Error {
        Error { status, code, detail: String::new(), cause: None }
    }

    /// The same with a sentence for the caller.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Error {
        self.detail = detail.into();
        self
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The word for programs.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Everything, for the operator.
    pub(crate) fn for_operator(&self) -> String {
        let detail = if self.detail.is_empty() { self.code } else { &self.detail };
        match &self.cause {
            Some(cause) => cause.clone(),
            None => detail.to_owned(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.for_operator())
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Error {
        let mut cause = error.to_string();
        let mut source = error.source();
        while let Some(next) = source {
            cause = format!("{cause}: {next}");
            source = next.source();
        }
        Error { cause: Some(cause), ..Error::new(StatusCode::INTERNAL_SERVER_ERROR, "internal") }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Problem<'a> {
            r#type: &'a str,
            title: &'a str,
            status: u16,
            code: &'a str,
            #[serde(skip_serializing_if = "str::is_empty")]
            detail: &'a str,
            error: &'a str,
        }
        let title = self.status.canonical_reason().unwrap_or("error");
        let error = if self.detail.is_empty() { title } else { &self.detail };
        let problem = Problem {
            r#type: "about:blank",
            title,
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            error,
        };
        let mut response = Response::json(self.status, &problem);
        response.set_content_type("application/problem+json");
        response.log = self.cause;
        response
    }
}
