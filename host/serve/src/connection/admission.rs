//! Admits connections, and tells clients why they are rejected.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use host_run::FrontMetrics;
use http::{HeaderMap, StatusCode};
use tokio::net::TcpStream;

use crate::connection::registry::{Connections, Registered};
use crate::connection::rules::ReloadableRules;
use crate::wire::problem::ApiError;
use crate::wire::request_id::RequestIds;

/// Value of `Retry-After`, in seconds.
const RETRY_AFTER: u32 = 1;

/// Admits connections.
pub(crate) struct Admission {
    pub(crate) all: Arc<Connections>,
    pub(crate) rules: ReloadableRules,
    pub(crate) request_ids: Arc<RequestIds>,
    pub(crate) metrics: FrontMetrics,
    /// False if clients expect TLS and could not read a plain response.
    pub(crate) is_plain: bool,
}

impl Admission {
    /// Registers a connection unless its address has too many.
    pub(crate) fn admit(&self, stream: TcpStream, peer: SocketAddr) -> Option<(TcpStream, Registered)> {
        if let Some(registered) = self.all.add(peer, &self.rules) {
            return Some((stream, registered));
        }
        self.metrics.connection_refused();
        let request_id = self.request_ids.for_request(&HeaderMap::new());
        let refused = refused();
        let code = &*refused.code;
        tracing::info!(request_id = %request_id.as_str(), code, "connection from {}: {}", peer.ip(), refused.detail);
        if self.is_plain {
            // Without waiting: data that does not fit into the socket buffer is dropped.
            let answer = answer(&refused, request_id.as_str());
            let _ = stream.into_std().and_then(|mut stream| stream.write(&answer));
        }
        None
    }

    /// Evicts a connection to make room for a new one, in a reserved place if `among_reserved`. Returns false if none
    /// can be evicted yet.
    pub(crate) fn make_room_for(&self, new: &Registered, among_reserved: bool) -> bool {
        let made = self.all.make_room_for(new, among_reserved, Instant::now());
        if made {
            self.metrics.connection_evicted();
        }
        made
    }
}

/// The error for a request that a reserved place does not serve.
pub(crate) fn reserved() -> ApiError {
    let detail = "all connections are in use; the reserved ones serve health, metrics and management only";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "connections_in_use", detail)
        .fix("repeat the request later, or raise `max_connections`")
        .retry_after(RETRY_AFTER)
}

fn refused() -> ApiError {
    let detail = "the limit of open connections from this address is reached";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "connections_too_many", detail)
        .fix("close connections, or raise `max_connections_per_address`; list a reverse proxy in `trusted_proxies`")
        .retry_after(RETRY_AFTER)
}

/// The bytes of the response to a rejected connection.
fn answer(refused: &ApiError, request_id: &str) -> Vec<u8> {
    // Serializing structs of texts and numbers does not fail.
    let body = serde_json::to_string(&refused.problem(request_id, "")).unwrap_or_default();
    let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
        cache-control: no-store\r\n\
        connection: close";
    format!(
        "{head}\r\nretry-after: {RETRY_AFTER}\r\nx-request-id: {request_id}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejected_connection_receives_a_problem_document() {
        let text = String::from_utf8(answer(&refused(), "id-1")).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("\r\nx-request-id: id-1\r\n"), "{head}");
        assert!(head.ends_with(&format!("\r\ncontent-length: {}", body.len())), "{head}");
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!((&problem["code"], &problem["status"]), (&"connections_too_many".into(), &503.into()));
    }
}
