//! The head of a request, as it crosses the boundary.

use std::time::Duration;

use host_load::{Head, is_hop_by_hop};
use http::{HeaderMap, header};

use crate::request::Request;
use crate::routes::Routed;
use crate::trace::TRACEPARENT;

/// Writes the head of a request for the handler with the index `handler`. `left` is the time until the deadline, and
/// `max_message_bytes` the limit of a message if the request opens a WebSocket.
///
/// Hop-by-hop headers belong to the connection and are left out; `traceparent` names the host's span.
pub(crate) fn write_head(
    request: &Request<'_>,
    routed: &Routed,
    handler: u32,
    left: Duration,
    max_message_bytes: Option<u64>,
) -> Vec<u8> {
    let headers = request.headers;
    let caller = request.caller;
    let has_connection = headers.contains_key(header::CONNECTION);
    let is_passed = |name: &header::HeaderName| {
        !is_hop_by_hop(name)
            && name.as_str() != TRACEPARENT
            && *name != header::PROXY_AUTHORIZATION
            && !(has_connection && is_named_by_connection(headers, name))
    };
    let traceparent = caller.trace.traceparent();
    let depth = (caller.depth > 0).then(|| caller.depth.to_string());
    let max_message_bytes = max_message_bytes.map(|max| max.to_string());
    let context = [
        Some((TRACEPARENT.as_bytes(), &traceparent[..])),
        depth.as_ref().map(|depth| (&b"depth"[..], depth.as_bytes())),
        caller.actor.map(|actor| (&b"actor"[..], actor.as_bytes())),
        max_message_bytes.as_ref().map(|max| (&b"websocket"[..], max.as_bytes())),
    ];
    Head {
        handler,
        deadline_ms: Some(u32::try_from(left.as_millis()).unwrap_or(u32::MAX - 1)),
        method: request.method.as_str(),
        path: request.path,
        query: request.query,
        peer: caller.peer,
        request_id: caller.request_id,
        params: routed.params.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())),
        headers: headers
            .iter()
            .filter(|(name, _)| is_passed(name))
            .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
            .chain(std::iter::once((TRACEPARENT.as_bytes(), &traceparent[..]))),
        context: context.into_iter().flatten(),
    }
    .write()
}

/// Returns whether the `Connection` header lists `name` as a hop-by-hop header.
fn is_named_by_connection(headers: &HeaderMap, name: &header::HeaderName) -> bool {
    let values = headers.get_all(header::CONNECTION).iter();
    let mut names = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    names.any(|named| named.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
}
