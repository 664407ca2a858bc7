//! Errors as problem documents.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use host_api::{FieldError, OperationPart, Problem};
use host_core::spelling;
use http::StatusCode;
use http::header::{self, HeaderValue};

/// An error response. The request id and the path are added by the server's service, through which every response
/// passes.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: Cow<'static, str>,
    pub(crate) detail: String,
    pub(crate) fix: Option<String>,
    pub(crate) errors: Vec<FieldError>,
    pub(crate) parts: Vec<OperationPart>,
    pub(crate) retry_after_seconds: Option<u32>,
    pub(crate) allow: Option<HeaderValue>,
    /// The accepted codings of the body, for 415.
    pub(crate) accept_encoding: Option<AcceptedCoding>,
}

/// A coding of request bodies that a route accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcceptedCoding {
    Identity,
    Gzip,
}

impl AcceptedCoding {
    fn as_str(self) -> &'static str {
        match self {
            AcceptedCoding::Identity => "identity",
            AcceptedCoding::Gzip => "gzip",
        }
    }
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> ApiError {
        let code = code.into();
        let detail = detail.into();
        let errors = vec![];
        let parts = vec![];
        let fix = None;
        let accept_encoding = None;
        ApiError { status, code, detail, fix, errors, parts, retry_after_seconds: None, allow: None, accept_encoding }
    }

    /// The error for a path without a route.
    pub(crate) fn unknown_route() -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, "route_unknown", "this host has no such route")
            .fix("`/docs` lists the routes of this host")
    }

    /// The error for a filter `name` whose value nothing can have; names the value that was probably meant.
    pub(crate) fn unknown_value(name: &str, value: &str, known: &[&str]) -> ApiError {
        let detail = format!("invalid query: `{name}` has no value `{}`", host_core::shown(value, 60));
        let refused = ApiError::new(StatusCode::BAD_REQUEST, "query_does_not_fit", detail);
        match spelling::suggestion(value, known) {
            Some(meant) => refused.fix(format!("did you mean `{meant}`?")),
            None if known.len() > 20 => refused.fix(format!("leave `{name}` out to see which values there are")),
            None => refused.fix(format!("use one of `{}`", known.join("`, `"))),
        }
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> ApiError {
        self.fix = Some(fix.into());
        self
    }

    pub(crate) fn retry_after(mut self, seconds: u32) -> ApiError {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// The document. Texts of callers, sources and plugins reach a problem document only here, where characters that a
    /// reader cannot see become escapes.
    pub(crate) fn problem(&self, request_id: &str, path: &str) -> Problem {
        let shown = |text: &str| host_core::visible(text).into_owned();
        let error = |error: &FieldError| FieldError { pointer: shown(&error.pointer), message: shown(&error.message) };
        let part = |part: &OperationPart| OperationPart { subject: shown(&part.subject), ..part.clone() };
        let detail = shown(&self.detail);
        Problem {
            r#type: format!("/docs/errors#{}", self.code),
            title: self.status.canonical_reason().unwrap_or("error").to_owned(),
            status: self.status.as_u16(),
            detail: detail.clone(),
            instance: path.to_owned(),
            code: self.code.clone().into_owned(),
            request_id: request_id.to_owned(),
            fix: self.fix.as_deref().map(shown),
            errors: self.errors.iter().map(error).collect(),
            parts: self.parts.iter().map(part).collect(),
            error: detail.clone(),
            details: detail,
        }
    }

    /// Renders the error as the response to a request.
    pub(crate) fn to_response(&self, request_id: &str, path: &str) -> Response {
        let problem = self.problem(request_id, path);
        // Most documents and their headers fit without growing. Serializing structs of texts and numbers does not fail.
        let mut body = Vec::with_capacity(1024);
        let _ = serde_json::to_writer(&mut body, &problem);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.reserve(12);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = &self.allow {
            headers.insert(header::ALLOW, allow.clone());
        }
        if self.status == StatusCode::UPGRADE_REQUIRED {
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        if let Some(coding) = self.accept_encoding {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(coding.as_str()));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// Attaches the error to the response's extensions. The service, which knows request id and path, renders it.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.extensions_mut().insert(self);
        response
    }
}
