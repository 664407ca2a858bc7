//! The query parameters and bodies of routes: a request with input that its route does not read is rejected.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use host_core::spelling;
use http::StatusCode;
use http::header::{self, HeaderMap};
use url::form_urlencoded;

use crate::guard::doc::RouteDoc;
use crate::wire::input;
use crate::wire::problem::ApiError;

/// The input that a route reads besides its path.
#[derive(Debug, Default)]
struct RouteInput {
    /// The names of its query parameters.
    parameters: Vec<String>,
    /// Whether it reads a body.
    has_body: bool,
    /// Whether it evaluates `If-Match`.
    has_condition: bool,
}

/// The inputs of each action.
#[derive(Clone)]
pub(crate) struct KnownInputs(Arc<HashMap<&'static str, RouteInput>>);

impl KnownInputs {
    /// Collects the inputs of documented actions.
    pub(super) fn new<'d>(docs: impl Iterator<Item = (&'static str, &'d RouteDoc)>) -> KnownInputs {
        let input = |doc: &RouteDoc| RouteInput {
            parameters: doc.query_parameters(),
            has_body: doc.body.is_some(),
            has_condition: doc.has_request_header("If-Match"),
        };
        KnownInputs(Arc::new(docs.map(|(action, doc)| (action, input(doc))).collect()))
    }

    /// The names of all actions.
    pub(crate) fn actions(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().copied()
    }

    /// Rejects a query with a parameter that the action does not have.
    pub(super) fn check(&self, action: &str, query: &str) -> Result<(), ApiError> {
        let known: Vec<_> = self.parameters(action).iter().map(String::as_str).collect();
        let mut names = form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name);
        let Some(name) = names.find(|name| !known.contains(&&**name)) else { return Ok(()) };
        let shown: String = host_core::shown(&name, 60);
        let detail = format!("invalid query: this route has no parameter `{shown}`");
        let refused = ApiError::new(StatusCode::BAD_REQUEST, "query_does_not_fit", detail);
        Err(match spelling::suggestion(&name, &known) {
            Some(known) => refused.fix(format!("did you mean `{known}`?")),
            None if known.is_empty() => refused.fix("leave the query out"),
            None => refused.fix(format!("its parameters are `{}`", known.join("`, `"))),
        })
    }

    /// Returns whether the request asks the action only to check a change (`?dry_run=true`).
    pub(super) fn is_dry_run(&self, action: &str, query: &str) -> bool {
        self.parameters(action).iter().any(|name| name == "dry_run")
            && form_urlencoded::parse(query.as_bytes()).any(|(name, value)| name == "dry_run" && value == "true")
    }

    /// Rejects a condition of a change that the action would not evaluate.
    pub(crate) fn check_condition(&self, action: &str, headers: &HeaderMap) -> Result<(), ApiError> {
        if !headers.contains_key(header::IF_MATCH) || self.0.get(action).is_none_or(|input| input.has_condition) {
            return Ok(());
        }
        let detail = "this route does not evaluate `If-Match`, so the change could be based on an older state";
        Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "request_if_match", detail).fix("leave `If-Match` out"))
    }

    fn parameters(&self, action: &str) -> &[String] {
        self.0.get(action).map(|input| &*input.parameters).unwrap_or_default()
    }

    /// Rejects a body with content if the action reads none. Clients send an empty object or `null` with any request.
    pub(super) async fn without_body(&self, action: &str, request: Request) -> Result<Request, ApiError> {
        if self.0.get(action).is_none_or(|input| input.has_body) || request.body().is_end_stream() {
            return Ok(request);
        }
        let (parts, body) = request.into_parts();
        let request = |body| Request::from_parts(parts.clone(), body);
        let bytes = input::bytes(request(body), &()).await?;
        if matches!(bytes.trim_ascii(), b"" | b"{}" | b"null") {
            return Ok(request(Body::empty()));
        }
        let refused = ApiError::new(StatusCode::BAD_REQUEST, "body_unexpected", "this route has no request body");
        Err(match self.parameters(action) {
            [] => refused.fix("leave the body out"),
            known => refused.fix(format!("leave the body out; send `{}` as query parameters", known.join("`, `"))),
        })
    }
}
