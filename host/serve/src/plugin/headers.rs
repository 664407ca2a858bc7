//! Filters request headers for plugins, and response headers of plugins for clients.
//!
//! Plugins are served from the same origin as the management API. Response headers that a browser would apply to the
//! whole origin are removed, cookies are limited to the plugin's own paths, and HTML documents of plugins are
//! sandboxed.

mod content_type;
mod cookies;
mod location;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use self::content_type::is_inert;
use self::cookies::{keep_own_cookies, strip_cookies};
use self::location::is_own_place;
use crate::wire::request_id::{RequestId, X_REQUEST_ID};

/// Content security policy for documents of plugins: text, inline styles and images only, no scripts, no external
/// resources, an opaque origin.
const SANDBOX: HeaderValue = HeaderValue::from_static(
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
/// Removes headers that plugins must not see: forwarding headers that do not come from a trusted proxy, and the
/// host's cookies. A sent request id is replaced by the one in use.
pub(crate) fn strip_request(headers: &mut HeaderMap, request_id: &RequestId, from_trusted_proxy: bool) {
    let is_said = |name: &HeaderName| {
        let name = name.as_str();
        name.starts_with("x-forwarded") || matches!(name, "forwarded" | "x-real-ip" | "x-client-ip" | "true-client-ip")
    };
    let mut has_said = false;
    let mut has_cookies = false;
    let mut has_id = false;
    for name in headers.keys() {
        has_said |= is_said(name);
        has_id |= *name == X_REQUEST_ID;
        has_cookies |= *name == header::COOKIE;
    }
    if has_said && !from_trusted_proxy {
        let names: Vec<_> = headers.keys().filter(|name| is_said(name)).cloned().collect();
        names.iter().for_each(|name| {
            headers.remove(name);
        });
    }
    if has_cookies {
        strip_cookies(headers);
    }
    if has_id {
        headers.insert(X_REQUEST_ID, request_id.header());
    }
}

/// Removes response headers that plugins must not set. `asked` is the path of the request.
pub(crate) fn strip_answer(headers: &mut HeaderMap, id: &str, asked: &str) {
    let mut is_for_origin = false;
    let mut has_cookies = false;
    let mut has_location = false;
    for name in headers.keys() {
        is_for_origin |= is_of_origin(name);
        has_cookies |= *name == header::SET_COOKIE;
        has_location |= *name == header::LOCATION;
    }
    if is_for_origin {
        let names: Vec<_> = headers.keys().filter(|name| is_of_origin(name)).cloned().collect();
        names.iter().for_each(|name| {
            headers.remove(name);
        });
    }
    if has_cookies {
        keep_own_cookies(headers, id);
    }
    if has_location && !headers.get_all(header::LOCATION).iter().all(|place| is_own_place(place.as_bytes(), id, asked))
    {
        tracing::debug!(plugin.id = id, "removed a `Location` header that points outside of the plugin's own paths");
        headers.remove(header::LOCATION);
    }
    if !is_inert(headers) {
        headers.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
}

/// Returns true for headers that a browser applies to the whole origin or to other origins, or that redirect it.
fn is_of_origin(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("access-control-")
        || matches!(
            name,
            "service-worker-allowed"
                | "clear-site-data"
                | "strict-transport-security"
                | "public-key-pins"
                | "alt-svc"
                | "nel"
                | "report-to"
                | "reporting-endpoints"
                | "origin-agent-cluster"
                | "refresh"
                | "accept-ch"
                | "set-login"
                | "use-as-dictionary"
        )
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::wire::request_id::RequestIds;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
        }
        map
    }

    fn shown(headers: &HeaderMap) -> String {
        headers.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect()
    }

    #[test]
    fn plugin_responses_cannot_affect_the_whole_origin() {
        let mut headers = map(&[
            ("content-type", "application/json"),
            ("x-own", "1"),
            ("access-control-allow-origin", "*"),
            ("access-control-allow-credentials", "true"),
            ("service-worker-allowed", "/"),
            ("clear-site-data", "\"*\""),
            ("strict-transport-security", "max-age=1"),
            ("alt-svc", "h2=\"evil.example:443\""),
            ("refresh", "0; url=https://evil.example"),
            ("location", "https://evil.example/"),
            ("set-cookie", "session=1; Path=/; HttpOnly"),
            ("set-cookie", "wide=1; Domain=example.org"),
            ("set-cookie", "__Host-x=1; Path=/; Secure"),
            ("set-cookie", "plugin_host_session=1"),
            ("set-cookie", "deep=1; Path=/api/plugin-endpoints/hello/a; SameSite=Lax"),
            ("set-cookie", "next=1; path=/api/plugin-endpoints/hello-2"),
        ]);
        strip_answer(&mut headers, "hello", "/api/plugin-endpoints/hello/x");
        expect![[r#"
            content-type: application/json
            x-own: 1
            set-cookie: session=1; HttpOnly; Path=/api/plugin-endpoints/hello
            set-cookie: deep=1; SameSite=Lax; Path=/api/plugin-endpoints/hello/a
            set-cookie: next=1; Path=/api/plugin-endpoints/hello
            x-content-type-options: nosniff
        "#]]
        .assert_eq(&shown(&headers));
    }

    #[test]
    fn documents_of_plugins_are_sandboxed() {
        for (types, expected) in [
            (&["application/json"][..], true),
            (&["Application/JSON; charset=utf-8"], true),
            (&["application/problem+json"], true),
            (&["text/plain"], true),
            (&["text/event-stream"], true),
            (&["image/png"], true),
            (&["image/svg+xml"], false),
            (&["text/html"], false),
            (&["TEXT/HTML; charset=utf-8"], false),
            (&["application/xhtml+xml"], false),
            (&["text/xml"], false),
            (&["text/javascript"], false),
            (&["application/pdf"], false),
            (&["multipart/x-mixed-replace"], false),
            (&["text/plain, text/html"], false),
            (&["text/plain", "text/html"], false),
            (&[], false),
        ] {
            let pairs: Vec<_> = types.iter().map(|value| ("content-type", *value)).collect();
            let mut headers = map(&[&pairs[..], &[("content-security-policy", "script-src *")]].concat());
            strip_answer(&mut headers, "hello", "/api/plugin-endpoints/hello/x");
            let is_inert = headers[header::CONTENT_SECURITY_POLICY] != SANDBOX;
            assert_eq!(is_inert, expected, "{types:?}");
        }
    }

    #[test]
    fn plugins_see_neither_host_cookies_nor_untrusted_forwarding_headers() {
        let sent = [
            ("cookie", "a=1; plugin_host_session=x"),
            ("cookie", "__Host-plugin_host=y; b=2"),
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "for=1.1.1.1"),
            ("x-real-ip", "1.1.1.1"),
            ("accept", "*/*"),
        ];
        let id = RequestIds::new().unwrap().for_request(&map(&[("x-request-id", "mine")]));
        let mut headers = map(&sent);
        strip_request(&mut headers, &id, false);
        assert_eq!(shown(&headers), "accept: */*\ncookie: a=1; b=2\n");
        let mut headers = map(&sent[2..]);
        strip_request(&mut headers, &id, true);
        assert_eq!(headers.len(), 5);
        let mut headers = map(&[("cookie", "a=1;b=2")]);
        strip_request(&mut headers, &id, false);
        assert_eq!(shown(&headers), "cookie: a=1;b=2\n");
        let mut headers = map(&[("x-request-id", "not\tplain"), ("x-request-id", "other")]);
        strip_request(&mut headers, &id, false);
        assert_eq!(shown(&headers), "x-request-id: mine\n");
    }
}
