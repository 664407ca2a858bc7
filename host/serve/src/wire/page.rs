//! Responses with pages, scripts and styles that are part of the program. The server adds its other security headers.

use axum::response::{IntoResponse as _, Response};
use http::header::{self, HeaderName, HeaderValue};

/// Content security policy of a page: its own scripts and styles, requests to this host only, no framing, and no
/// markup from texts (Trusted Types).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
img-src 'self' data:; \
base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Caching by browsers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caching {
    /// A new version of the host serves other content under the same path.
    Revalidate,
    /// The path contains the version of the content.
    Immutable,
}

/// Returns a response with an included text.
pub(crate) fn included(content_type: &'static str, text: &'static str, caching: Caching) -> Response {
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin"));
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin"));
    let caching = match caching {
        Caching::Revalidate => HeaderValue::from_static("no-cache"),
        Caching::Immutable => HeaderValue::from_static("public, max-age=31536000, immutable"),
    };
    headers.insert(header::CACHE_CONTROL, caching);
    response
}
