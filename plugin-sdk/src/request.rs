//! Requests to handlers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use plugin_sdk_abi::Chunk;
use plugin_sdk_abi::head::{HeadError, HeadView};

use crate::Body;
use crate::scope::Call;

/// A request. The head is read in place; only [`Request::headers`] copies.
#[derive(Debug)]
pub struct Request {
    head: Chunk,
    body: Body,
    /// The host's deadline.
    deadline: Option<Instant>,
}

/// Facts about a call: caller, deadline, trace and request id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestContext {
    /// The request id, which is also in the host's log and the response.
    pub request_id: String,
    /// The time at which the host responds with 504 and drops the handler's future.
    pub deadline: Option<Instant>,
    /// Address and port of the caller, when known.
    pub peer: Option<SocketAddr>,
    /// The authenticated caller; `None` if the endpoint does not authenticate and the caller sent no valid token.
    pub actor: Option<String>,
    /// The W3C trace context of this call.
    pub traceparent: Option<String>,
}

impl RequestContext {
    /// Returns the remaining time until the deadline; `None` without a deadline.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

impl Request {
    /// Returns the index of the handler, the facts for logging and services, and the request.
    #[inline]
    pub(crate) fn new(request: plugin_sdk_abi::Request) -> Result<(u32, Call, Request), HeadError> {
        let head = HeadView::read(&request.head)?;
        let deadline = head.deadline_ms.and_then(|ms| Instant::now().checked_add(Duration::from_millis(ms.into())));
        let (handler, call) = (head.handler, Call::from_head(&head, deadline));
        let body = Body::from_abi(request.body, request.stream.into_option());
        Ok((handler, call, Request { head: request.head, body, deadline }))
    }

    fn head(&self) -> HeadView<'_> {
        HeadView::read(&self.head).expect("`new` has read this head")
    }

    /// The method.
    pub fn method(&self) -> Method {
        Method::from_bytes(self.head().method.as_bytes()).unwrap_or_default()
    }

    /// The path after the plugin's id, as the caller sent it.
    pub fn path(&self) -> &str {
        self.head().path
    }

    /// The query without `?`, as the caller sent it.
    pub fn query(&self) -> Option<&str> {
        self.head().query
    }

    /// Returns path and query as a URI, or `None` if they are not a valid URI.
    pub fn uri(&self) -> Option<Uri> {
        match self.query() {
            None => self.path().parse().ok(),
            Some(query) => format!("{}?{query}", self.path()).parse().ok(),
        }
    }

    /// The path parameter `name`, decoded.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.head().params.get(name.as_bytes()).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All path parameters in the order of the path, decoded.
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        self.head().params.iter().map(move |(name, value)| (text(name), text(value)))
    }

    /// Returns the first value of the header `name` (lower case), if it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head().headers.get(name.as_bytes()).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All values of the header `name` (lower case) that are text.
    pub fn header_values(&self, name: &str) -> impl Iterator<Item = &str> {
        let values = self.head().headers.iter().filter(move |(n, _)| *n == name.as_bytes());
        values.filter_map(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// All headers, copied into a map.
    pub fn headers(&self) -> HeaderMap {
        let headers = self.head().headers;
        let mut map = HeaderMap::with_capacity(headers.len());
        for (name, value) in headers.iter() {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                map.append(name, value);
            }
        }
        map
    }

    /// Address and port of the caller; empty when unknown.
    pub fn peer(&self) -> &str {
        self.head().peer
    }

    /// The request id, which is also in the host's log and the response.
    pub fn request_id(&self) -> &str {
        self.head().request_id
    }

    /// The time the host waits for a response, counted from when it sent the request.
    pub fn timeout(&self) -> Option<Duration> {
        self.head().deadline_ms.map(|ms| Duration::from_millis(ms.into()))
    }

    /// Returns what the host says about the request under `name`.
    pub(crate) fn fact(&self, name: &str) -> Option<&str> {
        let value = self.head().context.get(name.as_bytes())?;
        std::str::from_utf8(value).ok().filter(|value| !value.is_empty())
    }

    /// The caller, deadline and trace.
    pub fn context(&self) -> RequestContext {
        let head = self.head();
        RequestContext {
            request_id: head.request_id.to_owned(),
            deadline: self.deadline,
            peer: head.peer.parse().ok(),
            actor: self.fact("actor").map(str::to_owned),
            traceparent: self.fact("traceparent").map(str::to_owned),
        }
    }

    /// Returns the body.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// Takes the body; empty if it was taken before.
    pub fn take_body(&mut self) -> Body {
        std::mem::take(&mut self.body)
    }

    /// Returns a request with the same head and the body, which is moved out of this one.
    pub(crate) fn take(&mut self) -> Request {
        let head = std::mem::replace(&mut self.head, empty_head());
        Request { head, body: self.take_body(), deadline: self.deadline }
    }
}

impl From<Request> for http::Request<Body> {
    /// Method, path and query, headers and body, with the [`RequestContext`] among the extensions.
    fn from(mut request: Request) -> http::Request<Body> {
        let mut converted = http::Request::new(request.take_body());
        *converted.method_mut() = request.method();
        // The host has parsed path and query as a URI, so they are valid.
        *converted.uri_mut() = request.uri().unwrap_or_default();
        *converted.headers_mut() = request.headers();
        converted.extensions_mut().insert(request.context());
        converted
    }
}

/// The head of an empty GET, left behind by `take`.
fn empty_head() -> Chunk {
    const NUMBERS: [u32; 3 + 5 + 3] = [1, 0, u32::MAX, 0, 0, u32::MAX, 0, 0, 0, 0, 0];
    const BYTES: [u8; 44] = {
        let mut bytes = [0; 44];
        let mut at = 0;
        while at < 44 {
            bytes[at] = NUMBERS[at / 4].to_le_bytes()[at % 4];
            at += 1;
        }
        bytes
    };
    Chunk::from_static(&BYTES)
}

#[cfg(test)]
impl Request {
    /// Creates a request like those of the host; `target` is a path, or a path and a query.
    pub(crate) fn sample(
        method: &str,
        target: &str,
        params: &[(&str, &str)],
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Request {
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let head = plugin_sdk_abi::head::Head {
            handler: 0,
            deadline_ms: Some(60_000),
            method,
            path,
            query,
            peer: "127.0.0.1:5000",
            request_id: "r-1",
            params: params.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())),
            headers: headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())),
            context: [(&b"traceparent"[..], &b"00-1-2-01"[..])].into_iter(),
        };
        let (body, stream) = body.into().into_abi();
        let request = plugin_sdk_abi::Request { head: Chunk::from_vec(head.write()), body, stream };
        Request::new(request).expect("this head was just written").2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_a_request_leaves_an_empty_valid_request() {
        let mut request = Request::sample("POST", "/x", &[("a", "1")], &[("accept", "*/*")], "");
        let taken = request.take();
        assert_eq!((taken.method(), taken.path(), taken.param("a")), (Method::POST, "/x", Some("1")));
        assert_eq!(taken.headers()["accept"], "*/*");
        assert_eq!((request.path(), request.query(), request.header("accept")), ("", None, None));
    }
    #[test]
    fn a_context_reports_the_caller_and_the_deadline() {
        let context = Request::sample("GET", "/x", &[], &[], "").context();
        assert_eq!((context.request_id.as_str(), context.actor.as_deref()), ("r-1", None));
        assert_eq!(context.peer, Some(([127, 0, 0, 1], 5000).into()));
        assert_eq!(context.traceparent.as_deref(), Some("00-1-2-01"));
        let left = context.remaining().unwrap();
        assert!(left > Duration::from_secs(1) && left <= Duration::from_secs(60), "{left:?}");
    }

    #[test]
    fn a_request_becomes_one_of_the_http_crate() {
        let request = Request::sample("PUT", "/a%20b?c=d", &[], &[("accept", "*/*")], "body");
        let request: http::Request<Body> = request.into();
        assert_eq!((request.method(), request.uri().to_string().as_str()), (&Method::PUT, "/a%20b?c=d"));
        assert_eq!(request.headers()["accept"], "*/*");
        assert_eq!(request.extensions().get::<RequestContext>().unwrap().request_id, "r-1");
        assert_eq!(request.body().first(), b"body");
    }
}
