//! Response headers that protect the host's own responses in browsers and proxies.

use axum::response::Response;
use http::header::{self, HeaderName, HeaderValue};

use crate::wire::body::AnyBody;

/// Nothing of it is kept by browsers and proxies, taken for another type, shown in a frame, or told to other places.
const SECURITY_HEADERS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
];

/// What an own answer of the host says to browsers, unless its route says something else.
pub(crate) fn with_security_headers(mut response: Response) -> http::Response<AnyBody> {
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS {
        headers.entry(name).or_insert(value);
    }
    response.map(AnyBody::Host)
}

/// Keeps an answer out of caches: it holds a secret, or is for one caller only.
pub(crate) fn no_store(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
