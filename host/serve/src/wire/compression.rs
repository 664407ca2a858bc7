//! Compressed responses. The only coding is gzip.

pub(crate) mod gzip;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode, response};
use http_body::Body as _;

use crate::wire::body::AnyBody;
use crate::wire::problem::{AcceptedCoding, ApiError};
use gzip::GzipBody;

/// Smallest body that is compressed. Smaller ones fit into one packet anyway.
pub(crate) const MIN_BYTES: u64 = 1024;
pub(crate) const GZIP: HeaderValue = HeaderValue::from_static("gzip");
/// End of the entity tag of a compressed response, before the closing quote.
const TAG_SUFFIX: &str = "-gzip\"";

/// The error for a body with a coding that is not decoded here.
pub(crate) fn refused(accepted: AcceptedCoding) -> ApiError {
    let mut refused = ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "body_encoding",
        "the body has a `Content-Encoding` that is not decoded here",
    );
    refused.accept_encoding = Some(accepted);
    refused.fix(match accepted {
        AcceptedCoding::Gzip => "send the body uncompressed, or compressed with gzip",
        AcceptedCoding::Identity => "send the body uncompressed",
    })
}

/// Returns whether the client accepts gzip (RFC 9110, section 12.5.3).
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut any = false;
    for item in values.flat_map(|value| value.split(',')) {
        let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
        let is_accepted = weight(parameters) > 0.0;
        match coding.trim() {
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => return is_accepted,
            "*" => any = is_accepted,
            _ => {}
        }
    }
    any
}

/// Returns the weight among the parameters of an accepted coding: 1 if there is none, 0 if it is not a number.
fn weight(parameters: &str) -> f32 {
    let mut parameters = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let weight = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
    weight.map_or(1.0, |(_, weight)| weight.trim().parse().unwrap_or(0.0))
}

/// Compresses a response with a text type and at least [`MIN_BYTES`], if the client accepts gzip. If it does not, such
/// a response only gets `Vary: accept-encoding`.
pub(crate) fn compressed(response: Response<AnyBody>, accepts_gzip: bool) -> Response<AnyBody> {
    let (mut head, body) = response.into_parts();
    // A stream has to arrive as it is produced.
    let is_large = n_bytes(&head.headers, &body).is_some_and(|n_bytes| n_bytes >= MIN_BYTES);
    if !is_large || !is_compressible(&head) {
        return Response::from_parts(head, body);
    }
    head.headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    if !accepts_gzip {
        return Response::from_parts(head, body);
    }
    head.headers.insert(header::CONTENT_ENCODING, GZIP);
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.remove(header::ACCEPT_RANGES);
    mark_etag(&mut head.headers);
    let body = if body.is_end_stream() {
        AnyBody::empty_of_unknown_size()
    } else {
        AnyBody::Gzip(Box::new(GzipBody::new(body)))
    };
    Response::from_parts(head, body)
}

/// Returns the number of bytes of a body; `None` for a stream. The response to HEAD has an empty body, and announces
/// the size of the response to GET.
pub(crate) fn n_bytes(headers: &HeaderMap, body: &AnyBody) -> Option<u64> {
    let announced = || headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    match body.size_hint().exact() {
        Some(0) => announced().or(Some(0)),
        exact => exact.or_else(announced),
    }
}

/// Returns true for text that neither the status nor a header protects from being changed.
pub(crate) fn is_compressible(head: &response::Parts) -> bool {
    let headers = &head.headers;
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_text = media_type.starts_with("text/")
        || media_type.ends_with("+json")
        || media_type.ends_with("+xml")
        || matches!(
            media_type.as_str(),
            "application/json"
                | "application/javascript"
                | "application/xml"
                | "application/x-ndjson"
                | "application/yaml"
                | "application/wasm"
        );
    let is_fixed = headers
        .get(header::CACHE_CONTROL)
        .is_some_and(|value| value.to_str().is_ok_and(|text| text.to_ascii_lowercase().contains("no-transform")));
    is_text
        && media_type != "text/event-stream"
        && !is_fixed
        && !headers.contains_key(header::CONTENT_ENCODING)
        && !headers.contains_key(header::CONTENT_RANGE)
        && !matches!(head.status, StatusCode::NO_CONTENT | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Changes a strong entity tag, which names exact bytes. It gets a suffix and stays strong, since `If-Match` requires
/// strong tags; [`required_etag`] removes the suffix.
fn mark_etag(headers: &mut HeaderMap) {
    let tag = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).filter(|tag| tag.starts_with('"'));
    let changed = tag.and_then(|tag| tag.strip_suffix('"')).map(|start| format!("{start}{TAG_SUFFIX}"));
    if let Some(changed) = changed.and_then(|changed| HeaderValue::try_from(changed).ok()) {
        headers.insert(header::ETAG, changed);
    }
}

/// Returns the entity tag that `If-Match` requires, as it is without compression; `None` if any or no tag is required.
/// The values of repeated headers are joined, and match no tag.
///
/// # Errors
/// `If-None-Match`, which asks for a change only while there is nothing to change.
pub(crate) fn required_etag(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    if headers.contains_key(header::IF_NONE_MATCH) {
        let detail = "`If-None-Match` allows a change only while there is no value, but there always is one here";
        return Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "request_if_none_match", detail)
            .fix("send `If-Match` with the `ETag` of the value on which the change is based"));
    }
    let values: Vec<_> = headers.get_all(header::IF_MATCH).iter().map(|value| value.to_str().unwrap_or("")).collect();
    let joined = values.join(", ");
    let tag = joined.trim();
    if values.is_empty() || tag == "*" {
        return Ok(None);
    }
    Ok(Some(tag.strip_suffix(TAG_SUFFIX).map_or_else(|| tag.to_owned(), |start| format!("{start}\""))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&'static str, &str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn the_client_decides_whether_gzip_is_used() {
        for (accepted, expected) in [
            ("", false),
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("br, deflate", false),
            ("*", true),
            ("*;q=0", false),
            ("gzip;q=0, *", false),
            ("gzip;Q=0", false),
            ("gzip;x=1; q = 0.000", false),
            ("gzip;q=", false),
            ("identity", false),
        ] {
            assert_eq!(accepts_gzip(&map(&[("accept-encoding", accepted)])), expected, "{accepted}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn only_responses_that_profit_are_compressed() {
        let respond = |n_bytes: usize, headers: &[(&'static str, &str)]| {
            let mut response = Response::new(AnyBody::Host(vec![b'a'; n_bytes].into()));
            *response.headers_mut() = map(headers);
            let response = compressed(response, true);
            let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
            (header("content-encoding").as_deref() == Some("gzip"), header("vary").is_some(), header("etag"))
        };
        let json = ("content-type", "application/json");
        let tag = ("etag", "\"7\"");
        for (n_bytes, headers, expected) in [
            (2000, &[json][..], (true, true, None)),
            (2000, &[json, tag], (true, true, Some("\"7-gzip\""))),
            (2000, &[json, ("etag", "W/\"7\"")], (true, true, Some("W/\"7\""))),
            (1000, &[json, tag], (false, false, Some("\"7\""))),
            (2000, &[("content-type", "image/png")], (false, false, None)),
            (2000, &[("content-type", "text/event-stream")], (false, false, None)),
            (2000, &[json, ("content-encoding", "br")], (false, false, None)),
            (2000, &[json, ("cache-control", "no-transform")], (false, false, None)),
            (2000, &[json, ("content-range", "bytes 0-1/2")], (false, false, None)),
            (2000, &[], (false, false, None)),
        ] {
            let expected = (expected.0, expected.1, expected.2.map(str::to_owned));
            assert_eq!(respond(n_bytes, headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_response_to_head_has_the_headers_of_the_response_to_get() {
        let mut response = Response::new(AnyBody::empty());
        *response.headers_mut() = map(&[("content-type", "application/json"), ("content-length", "2000")]);
        let response = compressed(response, true);
        assert_eq!(
            response.headers(),
            &map(&[("content-type", "application/json"), ("vary", "accept-encoding"), ("content-encoding", "gzip"),])
        );
        assert_eq!(response.body().size_hint().upper(), None);
    }

    #[test]
    fn a_tag_of_a_compressed_response_matches_the_uncompressed_one() {
        for (sent, expected) in [("\"7-gzip\"", Some("\"7\"")), ("\"7\"", Some("\"7\"")), ("*", None), ("7", Some("7"))]
        {
            assert_eq!(required_etag(&map(&[("if-match", sent)])).unwrap().as_deref(), expected, "{sent}");
        }
        assert_eq!(required_etag(&HeaderMap::new()).unwrap(), None);
        let mut repeated = map(&[("if-match", "*")]);
        repeated.append("if-match", HeaderValue::from_static("\"7\""));
        assert_eq!(required_etag(&repeated).unwrap().as_deref(), Some("*, \"7\""));
    }
}
