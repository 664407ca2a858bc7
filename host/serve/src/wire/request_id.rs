//! The request id: the one the caller sent, or a new one.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use host_core::write_hex;
use http::header::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest accepted id of a caller.
const MAX_BYTES: usize = 128;

/// Generates ids. A counter makes them unique within a process, a random prefix between processes.
#[derive(Debug)]
pub(crate) struct RequestIds {
    /// In hexadecimal digits.
    prefix: [u8; 8],
    next: AtomicU64,
}

/// A request id: visible ASCII, stored as a header value.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

impl RequestIds {
    pub(crate) fn new() -> Result<RequestIds, getrandom::Error> {
        let mut prefix = [0; 8];
        write_hex(&mut prefix, &getrandom::u32()?.to_be_bytes());
        Ok(RequestIds { prefix, next: AtomicU64::new(1) })
    }

    /// Returns the id of a request with these headers.
    pub(crate) fn for_request(&self, headers: &HeaderMap) -> RequestId {
        let sent = headers.get(X_REQUEST_ID).filter(|value| {
            (1..=MAX_BYTES).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic)
        });
        if let Some(value) = sent {
            return RequestId(value.clone());
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // Without `format!`: it would cost more than the rest of this function, which runs for every request.
        let mut text = [b'-'; 25];
        text[..8].copy_from_slice(&self.prefix);
        write_hex(&mut text[9..], &number.to_be_bytes());
        RequestId(HeaderValue::from_bytes(&text).expect("hex digits and a dash are header text"))
    }
}

impl RequestId {
    pub(crate) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_request_id_is_kept_if_it_is_visible_ascii() {
        let ids = RequestIds::new().unwrap();
        let of = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
            ids.for_request(&headers).as_str().to_owned()
        };
        assert_eq!(of(b"abc-1"), "abc-1");
        for odd in [&b""[..], b"a b", b"\xff", &[b'x'; 129]] {
            assert!(of(odd).starts_with(&format!("{}-0000", String::from_utf8_lossy(&ids.prefix))), "{odd:?}");
        }
        assert_ne!(ids.for_request(&HeaderMap::new()).as_str(), ids.for_request(&HeaderMap::new()).as_str());
    }
}
