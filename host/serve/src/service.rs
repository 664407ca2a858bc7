//! What every request passes: its id, cross-origin rules, and the choice between a plugin and the host.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::Router;
use host_run::{IncomingBody, Span};
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use tower_service::Service as _;
use tracing::Level;

use crate::access_log::{self, Line};
use crate::body::{AnyBody, BodyError};
use crate::endpoint;
use crate::problem::Refused;
use crate::request_id::{RequestId, X_REQUEST_ID};
use crate::routes::Front;
use crate::table::Action;
use crate::trail::ClientAddress;

/// Answers requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service {
    front: Front,
    /// Cloned for each management request, never for a plugin's.
    router: Arc<Router>,
}

impl Service {
    pub(crate) fn new(front: Front) -> Service {
        let router = Arc::new(crate::routes::router(front.clone()));
        Service { front, router }
    }

    /// Answers one request. Never fails: what goes wrong is an answer too.
    pub(crate) async fn answer<B>(&self, request: Request<B>, peer: &str) -> Result<Response<AnyBody>, Infallible>
    where
        B: IncomingBody<Error: Into<BodyError>>,
    {
        let request_id = self.front.request_ids.of(request.headers());
        let origin = self.front.cors.allowed(request.headers());
        let preflight = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
            && origin.is_some();

        let mut response = if preflight {
            let mut response = Response::new(AnyBody::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        } else if request.uri().path().starts_with(endpoint::PREFIX) {
            endpoint::answer(&self.front, request, &request_id, peer).await
        } else {
            // In a box, so that a plugin's call, which is the same future, need not carry its size.
            Box::pin(self.manage(request, &request_id, peer)).await
        };

        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, request_id.header());
        self.front.cors.apply(origin, preflight, headers);
        Ok(response)
    }

    async fn manage<B>(&self, request: Request<B>, request_id: &RequestId, peer: &str) -> Response<AnyBody>
    where
        B: IncomingBody<Error: Into<BodyError>>,
    {
        let (begun, method, path) = (Instant::now(), request.method().clone(), request.uri().path().to_owned());
        let trace = self.front.host.trace_of(request.headers());
        let mut request = request.map(axum::body::Body::new);
        // Both spellings of a collection, `/api/plugins` and `/api/plugins/`, are the same.
        if let Some(trimmed) = without_trailing_slash(request.uri()) {
            *request.uri_mut() = trimmed;
        }
        request.extensions_mut().insert(request_id.clone());
        request.extensions_mut().insert(ClientAddress::of(peer));
        let mut router = (*self.router).clone();
        let mut response = match router.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let action = response.extensions_mut().remove::<Action>().map_or("unknown", |Action(action)| action);
        let refused = response.extensions_mut().remove::<Refused>();
        if let Some(refused) = refused.or_else(|| of_framework(&response)) {
            let (status, code) = (refused.status.as_u16(), &*refused.code);
            tracing::info!(%request_id, status, code, "{path}: {}", refused.detail);
            let allow = response.headers_mut().remove(header::ALLOW);
            response = refused.answer(request_id.as_str(), &path);
            if let Some(allow) = allow {
                response.headers_mut().insert(header::ALLOW, allow);
            }
        }
        let (status, took) = (response.status(), begun.elapsed());
        self.front.host.front_metrics().answered(action, status.as_u16(), took);
        // Looks at the host come often and change nothing.
        let level = if method.is_safe() { Level::DEBUG } else { Level::INFO };
        if access_log::begin(level).is_some() {
            let (path, action) = (&path, Some(action));
            Line { method: &method, path, status, begun, plugin: None, action, request_id, trace, peer }.write(level);
        }
        if let Some(spans) = self.front.host.spans() {
            let started = SystemTime::now().checked_sub(took).unwrap_or(SystemTime::UNIX_EPOCH);
            let (method, request_id, status) = (method.as_str(), request_id.as_str(), status.as_u16());
            spans.record(&Span { trace, method, route: action, plugin: None, status, request_id, started, took });
        }
        let headers = response.headers_mut();
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response.map(AnyBody::Host)
    }
}

/// A refusal that no handler made, but the framework around it: its plain text becomes a problem document like any other.
fn of_framework(response: &Response<axum::body::Body>) -> Option<Refused> {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if !(status.is_client_error() || status.is_server_error()) || kind.starts_with(b"application/") {
        return None;
    }
    Some(match status {
        _ if status.is_server_error() => Refused::new(status, "host_failed", "the host failed to answer"),
        StatusCode::PAYLOAD_TOO_LARGE => Refused::new(status, "body_too_large", "the body is too large"),
        _ => Refused::new(status, "request_malformed", "the request can't be understood"),
    })
}

fn without_trailing_slash(uri: &http::Uri) -> Option<http::Uri> {
    let path = uri.path().strip_suffix('/').filter(|path| !path.is_empty())?;
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    text.parse().ok()
}
