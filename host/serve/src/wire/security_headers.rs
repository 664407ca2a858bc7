//! Response headers that protect the host's own responses in browsers and proxies.

use axum::response::Response;
use http::header::{self, HeaderName, HeaderValue};

use crate::wire::body::AnyBody;

/// Security headers of the host's own responses: no caching, no MIME sniffing, no framing, no referrer.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
];

/// Adds the security headers to a response of the host. Headers set by the route are kept.
pub(crate) fn with_security_headers(mut response: Response) -> http::Response<AnyBody> {
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(value);
    }
    response.map(AnyBody::Host)
}

/// Prevents caching of a response that contains a secret or is specific to a caller.
pub(crate) fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
