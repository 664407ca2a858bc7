//! A request, as a handler sees it.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use plugin_sdk_abi::Chunk;
use plugin_sdk_abi::head::{HeadError, HeadView};

use crate::Body;

/// A request. The head is read where it lies; [`Request::headers`] is the one accessor that copies.
#[derive(Debug)]
pub struct Request {
    head: Chunk,
    body: Body,
}

impl Request {
    pub(crate) fn new(request: plugin_sdk_abi::Request) -> Result<(u32, Request), HeadError> {
        let handler = HeadView::read(&request.head)?.handler;
        let body = Body::new(request.body, request.stream.into_option());
        Ok((handler, Request { head: request.head, body }))
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

    /// The path parameter `name`, decoded.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.head().params.get(name.as_bytes()).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All path parameters in the order of the path, decoded.
    pub fn params(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        self.head().params.iter().map(move |(name, value)| (text(name), text(value)))
    }

    /// The first value of the header `name` (lower case), when it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head().headers.get(name.as_bytes()).and_then(|value| std::str::from_utf8(value).ok())
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

    /// The request id; the host's log and the answer carry the same.
    pub fn request_id(&self) -> &str {
        self.head().request_id
    }

    /// How long the host waits for an answer, counted from when it sent the request.
    pub fn timeout(&self) -> Option<Duration> {
        self.head().deadline_ms.map(|ms| Duration::from_millis(ms.into()))
    }

    /// The body; empty when it was taken before.
    pub fn take_body(&mut self) -> Body {
        std::mem::take(&mut self.body)
    }

    /// Another owner of the same head, with the body moved over.
    pub(crate) fn take(&mut self) -> Request {
        Request { head: std::mem::replace(&mut self.head, empty_head()), body: self.take_body() }
    }
}

/// A head that reads as an empty GET, left behind by `take`.
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
mod tests {
    use super::*;

    #[test]
    fn a_taken_request_leaves_an_empty_one_that_still_reads() {
        let head = Chunk::from_vec(
            plugin_sdk_abi::head::Head {
                handler: 0,
                deadline_ms: None,
                method: "POST",
                path: "/x",
                query: None,
                peer: "",
                request_id: "r",
                params: [(&b"a"[..], &b"1"[..])].into_iter(),
                headers: [(&b"accept"[..], &b"*/*"[..])].into_iter(),
                context: std::iter::empty(),
            }
            .write(),
        );
        let mut request = Request { head, body: Body::default() };
        let taken = request.take();
        assert_eq!((taken.method(), taken.path(), taken.param("a")), (Method::POST, "/x", Some("1")));
        assert_eq!(taken.headers()["accept"], "*/*");
        assert_eq!((request.path(), request.query(), request.header("accept")), ("", None, None));
    }
}
