//! Checks that every request must pass before it is routed.
//!
//! hyper has parsed the request: it rejects heads over 64 KiB or with more than 100 headers (431), malformed lines,
//! and an invalid or contradictory `Content-Length` (400). If `Content-Length` and `Transfer-Encoding` are both
//! present, hyper removes the former and closes the connection after the response. Lines of a head may end with a bare
//! line feed, and a chunk size may be followed by blanks; docs/deployment.md documents both. `pace.rs` refuses
//! trailers.

use std::sync::Arc;

use host_core::Size;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode, Uri, Version};

use crate::connection::hosts::HostHeader;
use crate::connection::recent_host::RecentHost;
use crate::connection::rules::CompiledRules;
use crate::wire::problem::ApiError;

/// Maximum length of the request target.
const MAX_URI_BYTES: usize = 8 * 1024;
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
/// Health probes do not know the host's name, and their response reveals nothing but that the host is there.
const FOR_PROBES: &str = "/health";

/// Checks the method, the target, the framing and the `Host` header. A header that is equal to `recent_host`, the last
/// allowed one of the connection, is not parsed again.
pub(crate) fn check(parts: &Parts, rules: &Arc<CompiledRules>, recent_host: &RecentHost) -> Result<(), ApiError> {
    method(&parts.method)?;
    let uri = &parts.uri;
    let bytes = uri.path().len() + uri.query().map_or(0, |query| query.len() + 1);
    if bytes > MAX_URI_BYTES {
        let detail = format!("the request target is longer than {}", Size::from_usize(MAX_URI_BYTES));
        return Err(ApiError::new(StatusCode::URI_TOO_LONG, "uri_too_long", detail));
    }
    framing(&parts.headers)?;
    let is_for_probes = is_for_probes(uri.path());
    if is_for_probes && parts.version == Version::HTTP_10 && !parts.headers.contains_key(header::HOST) {
        // HTTP/1.0 does not require the header, and some load balancers probe with it.
        return Ok(());
    }
    let header = host_header(&parts.headers)?;
    if uri.authority().is_none() && recent_host.is(header, rules) {
        return Ok(());
    }
    let host = host(header, uri)?;
    if rules.hosts.allow(&host) {
        recent_host.keep(header, rules);
    } else if !is_for_probes {
        let name = host.name();
        let detail = format!("the name `{name}` is not in `allowed_hosts`");
        return Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, "host_not_allowed", detail)
            .fix(format!("if `{name}` is a name of this host, add it to `allowed_hosts` (ALLOWED_HOSTS)")));
    }
    Ok(())
}

/// Rejects the methods of proxies, methods that echo the request, and the HTTP/2 preface.
fn method(method: &Method) -> Result<(), ApiError> {
    let is_refused = matches!(*method, Method::CONNECT | Method::TRACE) || matches!(method.as_str(), "PRI" | "TRACK");
    if !is_refused {
        return Ok(());
    }
    let mut refused = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "request_method", "no route supports this method");
    refused.allow = Some(METHODS);
    Err(refused)
}

/// Accepts bodies with a length or with the single coding `chunked`. Other framing is ambiguous (request smuggling).
fn framing(headers: &HeaderMap) -> Result<(), ApiError> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    if codings.next().is_none() && coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") {
        return Ok(());
    }
    let detail = "unsupported `Transfer-Encoding`: only `chunked` is accepted";
    Err(ApiError::new(StatusCode::BAD_REQUEST, "request_transfer_encoding", detail))
}

/// Returns the single `Host` header.
fn host_header(headers: &HeaderMap) -> Result<&HeaderValue, ApiError> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let Some(host) = hosts.next() else {
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "host_missing", "the request has no `Host` header"));
    };
    if hosts.next().is_some() {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            "host_repeated",
            "the request has more than one `Host` header",
        ));
    }
    Ok(host)
}

/// Returns the requested host, which the request target must not contradict.
fn host<'a>(header: &'a HeaderValue, uri: &Uri) -> Result<HostHeader<'a>, ApiError> {
    let named = header.to_str().ok().and_then(HostHeader::read).ok_or_else(|| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            "host_malformed",
            "the `Host` header is not a host name or address with an optional port",
        )
    })?;
    if let Some(authority) = uri.authority() {
        let default_port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        if !HostHeader::read(authority.as_str()).is_some_and(|target| target.is(&named, default_port)) {
            let detail = "the request target and the `Host` header name different hosts";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "host_differs", detail));
        }
    }
    Ok(named)
}

fn is_for_probes(path: &str) -> bool {
    path.strip_prefix(FOR_PROBES).is_some_and(|rest| matches!(rest, "" | "/" | "/live" | "/ready"))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use http::Request;

    use super::*;
    use crate::connection::rules::Rules;

    #[test]
    fn malformed_requests_are_rejected_before_routing() {
        let rules = rules(&["a.example"]);
        let check = |request: Request<()>| check(&request.into_parts().0, &rules, &RecentHost::default());
        let mut all = String::new();
        for (line, headers) in [
            ("GET /", &[("host", "a.example")][..]),
            ("GET /", &[]),
            ("GET /", &[("host", "a.example"), ("host", "a.example")]),
            ("GET /", &[("host", "a.example/x")]),
            ("GET /", &[("host", "")]),
            ("GET /", &[("host", "evil.example")]),
            ("GET /health/live", &[("host", "evil.example")]),
            ("GET /healthy", &[("host", "evil.example")]),
            ("GET http://a.example:80/", &[("host", "A.example")]),
            ("GET http://evil.example/", &[("host", "a.example")]),
            ("GET http://u@a.example/", &[("host", "a.example")]),
            ("CONNECT a.example:80", &[("host", "a.example")]),
            ("TRACE /", &[("host", "a.example")]),
            ("PRI /", &[("host", "a.example")]),
            ("BREW /", &[("host", "a.example")]),
            ("POST /", &[("host", "a.example"), ("transfer-encoding", "Chunked")]),
            ("POST /", &[("host", "a.example"), ("transfer-encoding", "identity, chunked")]),
            ("POST /", &[("host", "a.example"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")]),
        ] {
            let (method, uri) = line.split_once(' ').unwrap();
            let request = Request::builder().method(method).uri(uri);
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            let verdict = match check(request.body(()).unwrap()) {
                Ok(()) => "passes".to_owned(),
                Err(refused) => format!("{} {}", refused.status.as_u16(), refused.code),
            };
            all += &format!("{line} {headers:?}: {verdict}\n");
        }
        expect![[r#"
            GET / [("host", "a.example")]: passes
            GET / []: 400 host_missing
            GET / [("host", "a.example"), ("host", "a.example")]: 400 host_repeated
            GET / [("host", "a.example/x")]: 400 host_malformed
            GET / [("host", "")]: 400 host_malformed
            GET / [("host", "evil.example")]: 421 host_not_allowed
            GET /health/live [("host", "evil.example")]: passes
            GET /healthy [("host", "evil.example")]: 421 host_not_allowed
            GET http://a.example:80/ [("host", "A.example")]: passes
            GET http://evil.example/ [("host", "a.example")]: 400 host_differs
            GET http://u@a.example/ [("host", "a.example")]: 400 host_differs
            CONNECT a.example:80 [("host", "a.example")]: 405 request_method
            TRACE / [("host", "a.example")]: 405 request_method
            PRI / [("host", "a.example")]: 405 request_method
            BREW / [("host", "a.example")]: passes
            POST / [("host", "a.example"), ("transfer-encoding", "Chunked")]: passes
            POST / [("host", "a.example"), ("transfer-encoding", "identity, chunked")]: 400 request_transfer_encoding
            POST / [("host", "a.example"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")]: 400 request_transfer_encoding
        "#]]
        .assert_eq(&all);
        let old = |path: &str| Request::get(path).version(Version::HTTP_10).body(()).unwrap();
        assert!(check(old("/health")).is_ok());
        assert_eq!(check(old("/metrics")).unwrap_err().code, "host_missing");
        let long = format!("/{}", "a".repeat(MAX_URI_BYTES));
        let request = Request::builder().uri(long).header("host", "a.example").body(()).unwrap();
        assert_eq!(check(request).unwrap_err().code, "uri_too_long");
    }

    #[test]
    fn a_host_that_was_allowed_before_is_checked_against_new_rules() {
        let recent = RecentHost::default();
        let check = |path: &str, host: &str, rules: &Arc<CompiledRules>| {
            let request = Request::get(path).header("host", host).body(()).unwrap();
            check(&request.into_parts().0, rules, &recent).err().map(|refused| refused.code.into_owned())
        };
        let before = rules(&["a.example"]);
        assert_eq!(check("/", "a.example", &before), None);
        assert_eq!(check("/", "a.example", &before), None);
        assert_eq!(check("http://b.example/", "a.example", &before).as_deref(), Some("host_differs"));
        // Health probes reach the host under any name; the name is not allowed for anything else.
        assert_eq!(check("/health/live", "b.example", &before), None);
        assert_eq!(check("/", "b.example", &before).as_deref(), Some("host_not_allowed"));
        let after = rules(&["b.example"]);
        assert_eq!(check("/", "a.example", &after).as_deref(), Some("host_not_allowed"));
        assert_eq!(check("/", "b.example", &after), None);
    }

    fn rules(allowed_hosts: &[&str]) -> Arc<CompiledRules> {
        let allowed_hosts = allowed_hosts.iter().map(ToString::to_string).collect();
        Arc::new(CompiledRules::new(Rules { allowed_hosts, ..Rules::default() }))
    }
}
