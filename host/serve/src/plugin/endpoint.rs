//! Calls of plugin endpoints.

use std::sync::Arc;

use host_call::{Admitted, CallRefusal, Caller, IncomingBody, RefusalReason, RefusedCall, Request, Trace};
use host_core::access::decide;
use host_core::manifest::{Auth, Upgrade};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};
use tracing::Level;

use crate::access::RecentToken;
use crate::access::audit_context::{AuditContext, ClientAddress};
use crate::access::caller::{self, Identity, refused_for};
use crate::access::initial_admin_token::is_host_credential;
use crate::connection::access_log::{self, AccessLogLine};
use crate::connection::pace::{PacedBody, SlowBodyFlag};
use crate::connection::state::Connection;
use crate::plugin::compression::compressed;
use crate::plugin::headers as plugin_headers;
use crate::plugin::websocket::{ClientBytes, Handshake};
use crate::state::AppState;
use crate::wire::PLUGIN_ENDPOINTS;
use crate::wire::body::{AnyBody, BodyError};
use crate::wire::problem::ApiError;
use crate::wire::request_id::RequestId;
use crate::wire::security_headers::with_security_headers;

/// The connection a request came from.
#[derive(Clone, Copy)]
pub(crate) struct RequestOrigin<'a> {
    /// Address and port of the client; empty if unknown.
    pub(crate) peer: &'a str,
    /// The connection.
    pub(crate) connection: &'a Arc<Connection>,
    /// True if a trusted proxy sent the request for a client.
    pub(crate) is_trusted_proxy: bool,
}

/// Responds to a request below [`PLUGIN_ENDPOINTS`].
pub(crate) async fn answer<B>(
    app: &AppState,
    parts: &mut http::request::Parts,
    body: PacedBody<B>,
    request_id: &RequestId,
    origin: RequestOrigin<'_>,
) -> Response<AnyBody>
where
    B: IncomingBody<Error: Into<BodyError>>,
{
    let begun = access_log::begin(Level::DEBUG);
    plugin_headers::strip_request(&mut parts.headers, request_id, origin.is_trusted_proxy);
    let trace = app.host.trace_of(&parts.headers);
    let mut generation = None;
    let call = call(app, parts, body, request_id, origin, trace, &mut generation);
    let response = match call.await {
        Ok(response) => response,
        Err(refused) => {
            let status = refused.status.as_u16();
            let code = &*refused.code;
            // At debug level: errors of a plugin are logged where they occur, and invalid requests may be numerous.
            tracing::debug!(%request_id, status, code, "{}: {}", access_log::escaped(parts.uri.path()), refused.detail);
            with_security_headers(refused.to_response(request_id.as_str(), parts.uri.path()))
        }
    };
    if let Some(begun) = begun {
        let method = &parts.method;
        let path = parts.uri.path();
        let status = response.status();
        let plugin = generation.map(|generation| (split(path).0, generation));
        let (version, peer) = (parts.version, origin.peer);
        let line =
            AccessLogLine { method, path, version, status, begun, plugin, action: None, request_id, trace, peer };
        line.write(Level::DEBUG);
    }
    response
}

async fn call<B>(
    app: &AppState,
    parts: &mut http::request::Parts,
    body: PacedBody<B>,
    request_id: &RequestId,
    RequestOrigin { peer, connection, .. }: RequestOrigin<'_>,
    trace: Trace,
    generation: &mut Option<u64>,
) -> Result<Response<AnyBody>, ApiError>
where
    B: IncomingBody<Error: Into<BodyError>>,
{
    let too_slow = body.too_slow();
    let (id, path) = split(parts.uri.path());
    let admitted = app.host.admit(id).map_err(|refusal| ApiError::from(RefusedCall::admission(refusal, id)))?;
    *generation = Some(admitted.generation().number);
    let routed = match admitted.route(&parts.method, path) {
        Ok(routed) => routed,
        // `OPTIONS` is answered for every path that supports any method.
        Err(host_call::RouteRefusal::Method(allow)) if parts.method == Method::OPTIONS => return Ok(options(allow)),
        Err(refusal) => return Err(ApiError::from(RefusedCall::route(refusal, id))),
    };
    let endpoint = &admitted.generation().manifest.endpoints[routed.endpoint];
    let is_compressed = endpoint.compress;
    let has_credential = parts.headers.get_all(AUTHORIZATION).iter().any(is_host_credential);
    let caller = match known(app, &endpoint.auth, &parts.headers, has_credential, id, (peer, &connection.recent)) {
        Ok(caller) => caller,
        Err(denied) => {
            let (caller, refused) = *denied;
            admitted.refuse(RefusalReason::Auth);
            app.host.front_metrics().auth_failed(refused_for(refused.status));
            let mut audit = AuditContext::new("endpoint_call", id, ClientAddress::from_peer(peer), request_id.as_str());
            caller.iter().for_each(|caller| audit.by(caller));
            // Boxed, because its size would be added to the future of every call.
            Box::pin(audit.refused(&app.host, &app.access, &refused)).await;
            return Err(refused);
        }
    };
    if has_credential {
        parts.headers.remove(AUTHORIZATION);
    }
    let caller = Caller {
        peer,
        request_id: request_id.as_str(),
        depth: 0,
        trace,
        actor: caller.as_ref().map(|caller| caller.principal.name.as_str()),
    };
    let opening = match endpoint.upgrade {
        None => None,
        Some(Upgrade::WebSocket) => Some(handshake(app, parts, &admitted, connection)?),
    };
    let request = Request {
        method: &parts.method,
        path,
        query: parts.uri.query(),
        headers: &parts.headers,
        caller,
        is_upgrade: opening.is_some(),
    };
    let (answered, handshake) = match opening {
        None => (admitted.call(routed, request, body).await, None),
        // Boxed, because its size would be added to the future of every call.
        Some((handshake, bytes)) => (Box::pin(admitted.call(routed, request, bytes)).await, Some(handshake)),
    };
    let mut answered = answered.map_err(|refusal| match refusal {
        CallRefusal::BodyIncomplete(_) if too_slow.is_true() => SlowBodyFlag::refused(),
        refusal => ApiError::from(RefusedCall::call(&refusal)),
    })?;
    plugin_headers::strip_answer(answered.headers_mut(), id, parts.uri.path());
    Ok(match handshake {
        Some(handshake) if answered.status() == StatusCode::SWITCHING_PROTOCOLS => handshake.open(answered, connection),
        _ if is_compressed => compressed(answered.map(AnyBody::Plugin), &parts.method, &parts.headers),
        _ => answered.map(AnyBody::Plugin),
    })
}

/// Reads the handshake of a request to an endpoint that serves WebSockets.
fn handshake(
    app: &AppState,
    parts: &http::request::Parts,
    admitted: &Admitted,
    connection: &Connection,
) -> Result<(Handshake, ClientBytes), ApiError> {
    let replaced = admitted.generation().replaced.clone();
    Handshake::from_request(parts, &connection.rules().cors, replaced, app.shutdown.clone())
        .and_then(|opening| opening.ok_or_else(|| RefusedCall::call(&CallRefusal::UpgradeRequired).into()))
        .inspect_err(|_| admitted.refuse(RefusalReason::Upgrade))
}

/// Splits a path into the plugin id and the rest, which is at least `/`.
fn split(path: &str) -> (&str, &str) {
    let rest = path.strip_prefix(PLUGIN_ENDPOINTS).unwrap_or_default();
    match rest.bytes().position(|byte| byte == b'/') {
        Some(at) => (&rest[..at], &rest[at..]),
        None => (rest, "/"),
    }
}

/// Returns the caller, and checks the access that plugin.yaml requires. If it requires none, an invalid token counts
/// as no token. `has_credential` tells whether the headers contain a token of a host.
fn known(
    app: &AppState,
    auth: &Auth,
    headers: &HeaderMap,
    has_credential: bool,
    plugin: &str,
    (peer, recent): (&str, &RecentToken),
) -> Result<Option<caller::Caller>, Box<(Option<caller::Caller>, ApiError)>> {
    if !auth.required {
        if !has_credential {
            return Ok(None);
        }
        return Ok(match app.access.identity(headers, Some(recent)) {
            Identity::Known(caller) => Some(caller),
            Identity::Anonymous | Identity::Unknown | Identity::Malformed(_) => None,
        });
    }
    let address = || ClientAddress::from_peer(peer).0;
    let caller = app.access.caller(headers, Some(recent), address).map_err(|refused| Box::new((None, refused)))?;
    match decide(auth, Some(&caller.principal), plugin) {
        Ok(()) => Ok(Some(caller)),
        Err(denied) => Err(Box::new((Some(caller), caller::denied(&denied)))),
    }
}

fn options(allow: HeaderValue) -> Response<AnyBody> {
    let mut response = Response::new(AnyBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(http::header::ALLOW, allow);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_splits_into_id_and_rest() {
        assert_eq!(split("/api/plugin-endpoints/hello"), ("hello", "/"));
        assert_eq!(split("/api/plugin-endpoints/hello/"), ("hello", "/"));
        assert_eq!(split("/api/plugin-endpoints/hello/a/b"), ("hello", "/a/b"));
        assert_eq!(split("/api/plugin-endpoints/"), ("", "/"));
        assert_eq!(split("/api/plugin-endpoints//x"), ("", "/x"));
    }
}
