//! Cross-origin rules: the origins that may use the API from a browser. None by default.

use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};

use crate::wire::problem::ApiError;

/// Allowed methods and headers of cross-origin requests.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, DELETE, PATCH, OPTIONS");
const HEADERS: HeaderValue = HeaderValue::from_static("Content-Type, Authorization, If-Match, Idempotency-Key, Prefer");
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
const EXPOSED: HeaderValue = HeaderValue::from_static("X-Request-Id, Location, ETag, Retry-After");

/// Set by browsers: the relation of the page's origin to the host's.
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// The allowed origins.
#[derive(Debug, Default)]
pub(crate) struct Cors {
    any: bool,
    origins: Vec<HeaderValue>,
}

impl Cors {
    pub(crate) fn new(origins: &[String]) -> Cors {
        let values = origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
        Cors { any: origins.iter().any(|origin| origin == "*"), origins: values.collect() }
    }

    /// Returns the value of `Access-Control-Allow-Origin`; `None` if the request's origin is not allowed.
    pub(crate) fn allowed(&self, request: &HeaderMap) -> Option<HeaderValue> {
        if !self.any && self.origins.is_empty() {
            return None;
        }
        let origin = request.get(header::ORIGIN)?;
        (self.any || self.origins.contains(origin)).then(|| origin.clone())
    }

    /// Returns whether a page of another, not allowed origin sends the request. Only browsers send the headers
    /// checked here.
    pub(crate) fn is_foreign(&self, request: &HeaderMap) -> bool {
        let origins: Vec<_> = request.get_all(header::ORIGIN).iter().collect();
        if origins.len() == 1 && self.allowed(request).is_some() {
            return false;
        }
        let host = request.get(header::HOST).map(HeaderValue::as_bytes);
        // The scheme is not compared: it differs if a proxy terminates TLS.
        let is_own = |origin: &&HeaderValue| {
            let of_origin = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
            of_origin.zip(host).is_some_and(|(own, host)| own.as_bytes().eq_ignore_ascii_case(host))
        };
        !origins.iter().all(is_own) || request.get_all(SEC_FETCH_SITE).iter().any(|site| site == "cross-site")
    }

    /// Sets the CORS headers of a response.
    pub(crate) fn apply(&self, origin: Option<HeaderValue>, preflight: bool, answer: &mut HeaderMap) {
        if !self.any && self.origins.is_empty() {
            return;
        }
        // The response depends on the origin even if this origin is not allowed.
        answer.append(header::VARY, HeaderValue::from_static("Origin"));
        let Some(origin) = origin else { return };
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if preflight {
            answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
            answer.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        } else {
            answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

/// The error for a request from a page of another origin, which names the origin and the requested host. `what` is the
/// kind of request, such as `changes`.
pub(crate) fn foreign(what: &str, request: &HeaderMap) -> ApiError {
    let shown = |name| {
        let value = request.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
        host_core::shown(&String::from_utf8_lossy(value), 100)
    };
    let (origin, host) = (shown(header::ORIGIN), shown(header::HOST));
    let detail = if origin.is_empty() {
        format!("{what} from a page of another origin are not allowed")
    } else {
        format!("{what} from a page of another origin are not allowed: the page is at `{origin}`, the host at `{host}`")
    };
    ApiError::new(StatusCode::FORBIDDEN, "auth_origin", detail).fix(
        "add the origin to `cors_allowed_origins`; if a proxy serves both, have it pass the name on (nginx: \
         `proxy_set_header Host $http_host;`)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_origins_are_detected() {
        let listed = ["https://console.example".to_owned()];
        for (origin, site, is_foreign) in [
            (None, None, false),
            (None, Some("none"), false),
            (None, Some("same-origin"), false),
            (None, Some("cross-site"), true),
            (Some("http://127.0.0.1:4000"), None, false),
            (Some("https://127.0.0.1:4000"), Some("same-origin"), false),
            (Some("http://127.0.0.1:4000"), Some("cross-site"), true),
            (Some("http://127.0.0.1:4001"), Some("same-site"), true),
            (Some("http://127.0.0.1"), None, true),
            (Some("http://evil.example"), Some("cross-site"), true),
            (Some("null"), None, true),
            (Some(""), None, true),
            (Some("http://127.0.0.1:4000.evil.example"), None, true),
            (Some("https://console.example"), Some("cross-site"), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("127.0.0.1:4000"));
            headers.extend(origin.map(|origin| (header::ORIGIN, HeaderValue::from_static(origin))));
            if let Some(site) = site {
                headers.insert(SEC_FETCH_SITE, HeaderValue::from_static(site));
            }
            assert_eq!(Cors::new(&listed).is_foreign(&headers), is_foreign, "{origin:?} {site:?}");
            assert!(!Cors::new(&["*".to_owned()]).is_foreign(&headers) || origin.is_none());
            headers.remove(header::HOST);
            assert!(Cors::new(&[]).is_foreign(&headers) || origin.is_none(), "{origin:?} without a host");
        }
    }

    #[test]
    fn the_error_names_the_origin_and_the_host() {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("localhost"));
        headers.insert(header::ORIGIN, HeaderValue::from_static("http://localhost:8080"));
        assert!(Cors::new(&["http://localhost:8080".to_owned()]).allowed(&headers).is_some());
        headers.append(header::ORIGIN, HeaderValue::from_static("https://evil.example"));
        assert!(Cors::new(&["http://localhost:8080".to_owned()]).is_foreign(&headers), "browsers send one origin");
        let refused = foreign("changes", &headers);
        assert!(refused.detail.ends_with("the page is at `http://localhost:8080`, the host at `localhost`"));
        assert!(refused.fix.unwrap().contains("proxy_set_header Host $http_host;"));
    }
}
