//! Responses of a plugin: validated, copied if they are small, and guarded if they are large.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use host_core::Size;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use plugin_sdk_abi::{BodyStream, Chunk, Pairs, Response};

use crate::error::CallError;
use crate::guard::LibraryGuard;
use crate::instance::Instance;
use crate::kind::GuardKind;
use crate::ledger::safe_point;

/// A chunk of at most this many bytes is copied, so that bytes waiting in hyper do not keep the generation in memory.
const COPY_BYTES: usize = 16 * 1024;

/// Maximum number of headers in a response of a plugin.
const MAX_HEADERS: usize = 256;
/// The maximum number of bytes of all headers together.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// A response of a plugin.
#[derive(Debug)]
pub struct PluginResponse {
    /// 200 to 599.
    pub status: StatusCode,
    /// The headers, without hop-by-hop headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: ResponseBody,
}

/// The body of a response. Every byte that is not copied holds the instance.
#[derive(Debug)]
pub struct ResponseBody {
    first: Option<Bytes>,
    stream: Option<Streamed>,
}

/// A stream of the plugin and the instance that keeps the plugin, dropped in this order.
#[derive(Debug)]
struct Streamed {
    stream: BodyStream,
    instance: Arc<Instance>,
    _hold: LibraryGuard,
}

/// The stream of a body failed: the caller's connection is cut, since the status was sent before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the plugin's body stream failed")]
pub struct BodyFailure(#[source] pub CallError);

impl PluginResponse {
    pub(crate) fn read(response: Response, instance: &Arc<Instance>) -> Result<PluginResponse, CallError> {
        let status = StatusCode::from_u16(response.status)
            .ok()
            .filter(|status| *status == StatusCode::SWITCHING_PROTOCOLS || (200..600).contains(&status.as_u16()))
            .ok_or_else(|| CallError::Invalid(format!("status {}", response.status)))?;
        let stream = response.stream.into_option().map(|stream| Streamed {
            stream,
            instance: instance.clone(),
            _hold: instance.hold(GuardKind::Stream),
        });
        let headers = read_headers(&response.headers, stream.is_some())?;
        let first = (!response.body.is_empty()).then(|| held(response.body, instance));
        Ok(PluginResponse { status, headers, body: ResponseBody { first, stream } })
    }
}

fn read_headers(buffer: &[u8], streamed: bool) -> Result<HeaderMap, CallError> {
    if buffer.len() > MAX_HEADER_BYTES {
        let found = buffer.len();
        let max = Size::from_usize(MAX_HEADER_BYTES);
        return Err(CallError::Invalid(format!("it has {found} bytes of headers, but at most {max} are accepted")));
    }
    let (pairs, _) = Pairs::read(buffer).map_err(|error| CallError::Invalid(error.to_string()))?;
    if pairs.len() > MAX_HEADERS {
        return Err(CallError::Invalid(format!(
            "it has {} headers, but at most {MAX_HEADERS} are accepted",
            pairs.len()
        )));
    }
    let mut headers = HeaderMap::with_capacity(pairs.len() + 2);
    for (name, value) in pairs.iter() {
        let shown = || String::from_utf8_lossy(&name[..name.len().min(80)]).into_owned();
        let name =
            HeaderName::from_bytes(name).map_err(|_| CallError::Invalid(format!("header name {:?}", shown())))?;
        let value =
            header_value(value).map_err(|_| CallError::Invalid(format!("the value of header {:?}", shown())))?;
        // Hop-by-hop headers belong to the server; the plugin may set a length only for a stream.
        if is_hop_by_hop(&name) || (name == header::CONTENT_LENGTH && !streamed) {
            continue;
        }
        if name == header::CONTENT_LENGTH {
            let is_number = (1..=18).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_digit);
            if !is_number || headers.contains_key(&name) {
                return Err(CallError::Invalid("the value of header \"content-length\"".to_owned()));
            }
        }
        headers.append(name, value);
    }
    // Headers named by `Connection` are hop-by-hop, too (RFC 9110 §7.6.1).
    let connection = pairs.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"connection"));
    for named in connection.flat_map(|(_, value)| value.split(|byte| *byte == b',')) {
        if let Ok(name) = HeaderName::from_bytes(named.trim_ascii()) {
            headers.remove(name);
        }
    }
    Ok(headers)
}

/// Parses a header value; the most common one needs no allocation.
fn header_value(value: &[u8]) -> Result<HeaderValue, http::header::InvalidHeaderValue> {
    match value {
        b"application/json" => Ok(HeaderValue::from_static("application/json")),
        other => HeaderValue::from_bytes(other),
    }
}

/// The headers of RFC 9110 §7.6.1 and the headers that affect framing.
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(*name, header::CONNECTION | header::TE | header::TRAILER | header::TRANSFER_ENCODING | header::UPGRADE)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// Returns the bytes of a chunk: copied if it is small, else together with the instance, which keeps the library
/// mapped.
fn held(chunk: Chunk, instance: &Arc<Instance>) -> Bytes {
    struct GuardedChunk {
        chunk: Chunk,
        // After `chunk`, which is freed by code of the library that this holds.
        _instance: Arc<Instance>,
        _hold: LibraryGuard,
    }
    impl AsRef<[u8]> for GuardedChunk {
        fn as_ref(&self) -> &[u8] {
            &self.chunk
        }
    }
    match chunk.len() {
        0..=COPY_BYTES => Bytes::copy_from_slice(&chunk),
        _ => {
            let _hold = instance.hold(GuardKind::Chunk);
            Bytes::from_owner(GuardedChunk { chunk, _instance: instance.clone(), _hold })
        }
    }
}

impl ResponseBody {
    /// Returns whether the plugin still produces the body.
    pub fn is_stream(&self) -> bool {
        self.stream.is_some()
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyFailure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFailure>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        let Some(Streamed { stream, instance, .. }) = &mut self.stream else { return Poll::Ready(None) };
        safe_point();
        let entered = instance.enter_call();
        let item = match ready!(stream.poll_next(context)) {
            Some(Ok(chunk)) => return Poll::Ready(Some(Ok(Frame::data(held(chunk, instance))))),
            Some(Err(failure)) => Some(Err(BodyFailure(CallError::from(failure)))),
            None => None,
        };
        drop(entered);
        self.stream = None;
        Poll::Ready(item)
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.stream.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, Bytes::len) as u64;
        match self.stream {
            None => SizeHint::with_exact(first),
            Some(_) => SizeHint::default(),
        }
    }
}
