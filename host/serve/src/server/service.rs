//! The steps of every request: request id, front door, cross-origin rules, and dispatch to a plugin or the management
//! API.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::Router;
use axum::response::IntoResponse as _;
use host_call::{IncomingBody, Span};
use host_run::HttpVersion;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Version};
use tower_service::Service as _;
use tracing::Level;

use crate::access::audit_context::ClientAddress;
use crate::access::session_cookie;
use crate::connection::access_log::{self, AccessLogLine};
use crate::connection::http2::like_http1;
use crate::connection::pace::{BodyPace, LastChunk, PacedBody, SlowBodyFlag};
use crate::connection::state::Connection;
use crate::connection::{admission, forwarded, front_door};
use crate::guard::table::ActionName;
use crate::plugin::endpoint;
use crate::plugin::endpoint::RequestOrigin;
use crate::state::AppState;
use crate::wire::PLUGIN_ENDPOINTS;
use crate::wire::body::{AnyBody, BodyError};
use crate::wire::compression;
use crate::wire::problem::ApiError;
use crate::wire::request_id::{RequestId, X_REQUEST_ID};
use crate::wire::security_headers::with_security_headers;
use crate::wire::sse;

/// Responds to requests. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Service {
    app: AppState,
    /// Cloned for each management request, but not for plugin calls.
    router: Arc<Router>,
}

impl Service {
    pub(crate) fn new(app: AppState) -> Service {
        let router = Arc::new(crate::api::routes::router(app.clone()));
        Service { app, router }
    }

    /// Counts a connection by the version of its first request.
    pub(crate) fn first_request(&self, version: Version) {
        self.app.host.front_metrics().http_connection(match version {
            Version::HTTP_2 => HttpVersion::Http2,
            Version::HTTP_10 => HttpVersion::Http10,
            _ => HttpVersion::Http11,
        });
    }

    /// Responds to a request. Errors become responses too.
    pub(crate) async fn answer<B>(&self, parts: &mut Parts, body: B, connection: &Arc<Connection>) -> Response<AnyBody>
    where
        B: IncomingBody<Error: Into<BodyError>>,
    {
        like_http1(parts);
        let version = parts.version;
        let rules = connection.rules();
        let request_id = self.app.request_ids.for_request(&parts.headers);
        let cors = &rules.cors;
        let origin = cors.allowed(&parts.headers);
        let preflight = parts.method == Method::OPTIONS
            && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
            && origin.is_some();

        let last_chunk = LastChunk::from_headers(&parts.headers);

        let checked = front_door::check(parts, &rules, &connection.recent_host);
        let is_malformed = checked.is_err();
        session_cookie::authorize(&mut parts.headers);
        let mut response = if let Err(refused) = checked {
            turned_away(&refused, &request_id, parts.uri.path())
        } else if preflight {
            let mut response = Response::new(AnyBody::empty());
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        } else {
            let trusted = &rules.rules.trusted_proxies;
            let client = forwarded::client(&parts.headers, connection.peer.ip(), trusted);
            let pace = BodyPace::from_rules(&rules.rules);
            let body = PacedBody::new(body, pace, connection.clone(), last_chunk.clone());
            // The port of a proxied client is unknown.
            let said = client.map(|address| SocketAddr::new(address, 0).to_string());
            let peer = said.as_deref().unwrap_or(&connection.peer_text);
            let is_call = parts.uri.path().starts_with(PLUGIN_ENDPOINTS);
            if is_call && connection.is_reserved() {
                turned_away(&admission::reserved(), &request_id, parts.uri.path())
            } else if is_call {
                let sender = RequestOrigin { peer, connection, is_trusted_proxy: client.is_some() };
                endpoint::answer(&self.app, parts, body, &request_id, sender).await
            } else {
                // Boxed, because its size would be added to the future of every plugin call.
                let path = connection.is_reserved().then(|| parts.uri.path().to_owned());
                let accepts_gzip = compression::accepts_gzip(&parts.headers);
                let (empty, ()) = Request::new(()).into_parts();
                let request = Request::from_parts(std::mem::replace(parts, empty), body);
                let response = Box::pin(self.manage(request, &request_id, peer)).await;
                let response = compression::compressed(response, accepts_gzip);
                match path {
                    // A stream would keep the place for long.
                    Some(path) if sse::is_stream(response.headers()) => {
                        turned_away(&admission::reserved(), &request_id, &path)
                    }
                    _ => response,
                }
            }
        };

        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, request_id.header());
        // After a malformed request its end is ambiguous (request smuggling). HTTP/2 frames its messages.
        if (is_malformed || !last_chunk.allows_next_request()) && version < Version::HTTP_2 {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        cors.apply(origin, preflight, headers);
        response
    }

    async fn manage<B>(&self, request: Request<PacedBody<B>>, request_id: &RequestId, peer: &str) -> Response<AnyBody>
    where
        B: IncomingBody<Error: Into<BodyError>>,
    {
        let begun = Instant::now();
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let version = request.version();
        let trace = self.app.host.trace_of(request.headers());
        let too_slow = request.body().too_slow();
        let mut request = request.map(axum::body::Body::new);
        // `/api/plugins` and `/api/plugins/` are the same route.
        if let Some(trimmed) = without_trailing_slash(request.uri()) {
            *request.uri_mut() = trimmed;
        }
        request.extensions_mut().insert(request_id.clone());
        request.extensions_mut().insert(ClientAddress::from_peer(peer));
        let mut router = (*self.router).clone();
        let mut response = if let Err(problem) = host_call::check_path(&path) {
            ApiError::new(StatusCode::BAD_REQUEST, "route_path", problem.to_string()).into_response()
        } else {
            match router.call(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        };
        let action = response.extensions_mut().remove::<ActionName>().map_or("unknown", |ActionName(action)| action);
        let refused = response.extensions_mut().remove::<ApiError>().or_else(|| framework_error(&response));
        if let Some(mut refused) = refused {
            if too_slow.is_true() {
                refused = SlowBodyFlag::refused();
            }
            let status = refused.status.as_u16();
            let code = &*refused.code;
            tracing::info!(%request_id, status, code, "{path}: {}", refused.detail);
            let allow = response.headers_mut().remove(header::ALLOW);
            response = refused.to_response(request_id.as_str(), &path);
            if let Some(allow) = allow {
                response.headers_mut().insert(header::ALLOW, allow);
            }
        }
        let status = response.status();
        let took = begun.elapsed();
        self.app.host.front_metrics().answered(action, status.as_u16(), took);
        // Read requests are frequent and change nothing.
        let level = if method.is_safe() { Level::DEBUG } else { Level::INFO };
        if access_log::begin(level).is_some() {
            let path = &path;
            let action = Some(action);
            let method = &method;
            AccessLogLine { method, path, version, status, begun, plugin: None, action, request_id, trace, peer }
                .write(level);
        }
        if let Some(spans) = self.app.host.spans() {
            let started = SystemTime::now().checked_sub(took).unwrap_or(SystemTime::UNIX_EPOCH);
            let method = method.as_str();
            let request_id = request_id.as_str();
            let status = status.as_u16();
            spans.record(&Span { trace, method, route: action, plugin: None, status, request_id, started, took });
        }
        with_security_headers(response)
    }
}

/// The response to a request that is refused before it is routed.
fn turned_away(refused: &ApiError, request_id: &RequestId, path: &str) -> Response<AnyBody> {
    tracing::debug!(%request_id, code = &*refused.code, "refused a request before routing: {}", refused.detail);
    with_security_headers(refused.to_response(request_id.as_str(), path))
}

/// Converts an error response of the framework, which has a plain text body, to a problem document.
fn framework_error(response: &Response<axum::body::Body>) -> Option<ApiError> {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if !(status.is_client_error() || status.is_server_error()) || kind.starts_with(b"application/") {
        return None;
    }
    Some(match status {
        _ if status.is_server_error() => {
            ApiError::new(status, "host_failed", "the host failed to respond to the request")
        }
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(status, "body_too_large", "the request body is too large"),
        _ => ApiError::new(status, "request_malformed", "the request is malformed"),
    })
}

fn without_trailing_slash(uri: &http::Uri) -> Option<http::Uri> {
    let path = uri.path().strip_suffix('/').filter(|path| !path.is_empty())?;
    // A slash at the end of `/api/plugins/{id}/kv/{key}` belongs to the key.
    if path
        .strip_prefix("/api/plugins/")
        .is_some_and(|rest| rest.split('/').nth(1) == Some("kv") && rest.split('/').count() > 2)
    {
        return None;
    }
    let text = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    text.parse().ok()
}
