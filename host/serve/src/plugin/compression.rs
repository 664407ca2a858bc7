//! Compressed responses of endpoints with `compress: true` in plugin.yaml.

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};

use crate::wire::body::AnyBody;
use crate::wire::compression::gzip::GzipBody;
use crate::wire::compression::{GZIP, MIN_BYTES, accepts_gzip, is_compressible, n_bytes};

/// Headers with a digest of the bytes that are sent.
const DIGESTS: [&str; 4] = ["content-digest", "repr-digest", "digest", "content-md5"];

/// Compresses a response of text to a request with this method and these headers, if the client accepts gzip. A body
/// of unknown size is compressed as it is produced.
pub(crate) fn compressed(response: Response<AnyBody>, method: &Method, request: &HeaderMap) -> Response<AnyBody> {
    let accepts_gzip = accepts_gzip(request);
    let (mut head, body) = response.into_parts();
    let is_unmodified = head.status == StatusCode::NOT_MODIFIED;
    let is_small = n_bytes(&head.headers, &body).is_some_and(|n_bytes| n_bytes < MIN_BYTES);
    let is_fixed = is_small || !is_compressible(&head) || DIGESTS.iter().any(|name| head.headers.contains_key(*name));
    if is_fixed && !is_unmodified {
        return Response::from_parts(head, body);
    }
    head.headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    if !accepts_gzip {
        return Response::from_parts(head, body);
    }
    weaken_etag(&mut head.headers);
    if is_unmodified {
        return Response::from_parts(head, body);
    }
    head.headers.insert(header::CONTENT_ENCODING, GZIP);
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.remove(header::ACCEPT_RANGES);
    let body = if method == Method::HEAD {
        AnyBody::empty_of_unknown_size()
    } else {
        AnyBody::Gzip(Box::new(GzipBody::new(body)))
    };
    Response::from_parts(head, body)
}

/// Changes a strong entity tag, which names exact bytes, to a weak one (RFC 9110, section 8.8.1). The plugin still
/// recognizes it in `If-None-Match`, whose comparison is weak.
fn weaken_etag(headers: &mut HeaderMap) {
    let strong = headers.get(header::ETAG).filter(|tag| tag.as_bytes().starts_with(b"\""));
    let weak = strong.and_then(|tag| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok());
    if let Some(weak) = weak {
        headers.insert(header::ETAG, weak);
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;

    use super::*;

    /// The headers of a response after compression.
    fn answer(method: &Method, status: u16, n_bytes: usize, headers: &[(&'static str, &str)]) -> String {
        let map = |headers: &[(&'static str, &str)]| -> HeaderMap {
            headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
        };
        let mut response = Response::new(AnyBody::Host(vec![b'a'; n_bytes].into()));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        *response.headers_mut() = map(headers);
        let response = compressed(response, method, &map(&[("accept-encoding", "br, gzip")]));
        let headers = response.headers().iter().filter(|(name, _)| *name != "content-type");
        let mut headers: Vec<_> = headers.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        headers.sort();
        assert!(method != Method::HEAD || response.body().size_hint().upper().is_none());
        headers.join(", ")
    }

    #[test]
    fn responses_keep_the_rules_of_http() {
        const GZIP: &str = "content-encoding: gzip, vary: accept-encoding";
        let text = ("content-type", "text/plain");
        let tag = ("etag", "\"1\"");
        for (method, status, n_bytes, headers, expected) in [
            (Method::GET, 200, 2000, &[text][..], GZIP),
            (Method::GET, 404, 2000, &[text, ("accept-ranges", "bytes"), ("content-length", "2000")], GZIP),
            (Method::GET, 200, 2000, &[text, tag], "content-encoding: gzip, etag: W/\"1\", vary: accept-encoding"),
            (Method::GET, 304, 0, &[tag], "etag: W/\"1\", vary: accept-encoding"),
            (Method::GET, 200, 1000, &[text, tag], "etag: \"1\""),
            (Method::GET, 206, 2000, &[text, tag], "etag: \"1\""),
            (Method::GET, 200, 2000, &[("content-type", "text/Event-Stream; charset=utf-8")], ""),
            (Method::GET, 200, 0, &[text], ""),
            (Method::GET, 200, 2000, &[text, ("content-md5", "x")], "content-md5: x"),
            (Method::GET, 200, 2000, &[text, ("content-encoding", "br")], "content-encoding: br"),
            (Method::HEAD, 200, 2000, &[text], GZIP),
            (Method::HEAD, 200, 0, &[text, ("content-length", "2000")], GZIP),
        ] {
            let seen = answer(&method, status, n_bytes, headers);
            assert_eq!(seen, expected, "{method} {status} {n_bytes} {headers:?}");
        }
    }
}
