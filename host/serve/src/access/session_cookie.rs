//! The cookie of the web console: carries a token of this host in a browser.
//!
//! | risk | defence |
//! |---|---|
//! | a script of the page reads the token | `HttpOnly` |
//! | another site sends requests with the cookie (CSRF) | `SameSite=Strict`; the cookie counts only in requests of a page of this origin (`Origin`, `Sec-Fetch-Site`) that have the header `X-Plugin-Host-Console`, which other pages can send only after a preflight |
//! | a plugin reads the token | the cookie's name begins with `plugin_host`; such cookies are removed from plugin calls |
//! | documents of plugins use the cookie | they are sandboxed: their origin is opaque, so their requests are cross-site |
//! | the cookie is sent without TLS | `Secure` and the prefix `__Host-` if the page was loaded over TLS |
//!
//! Browsers share cookies between the ports of a host name. The name of the cookie therefore contains the port, so the
//! consoles of two hosts do not replace each other's cookies. Other servers under the same host name still receive it.

use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};

/// Sent by the console with every request.
const CONSOLE_HEADER: HeaderName = HeaderName::from_static("x-plugin-host-console");
/// Set by browsers: the relation of the page's origin to the host's.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// The longest accepted token.
const MAX_TOKEN_BYTES: usize = 256;

/// Moves the token of a session cookie to `Authorization` if the console sends the request without another credential.
/// The header of the console is removed.
pub(crate) fn authorize(headers: &mut HeaderMap) {
    if headers.remove(CONSOLE_HEADER).is_none() || headers.contains_key(header::AUTHORIZATION) || is_foreign(headers) {
        return;
    }
    if let Some(value) = token(headers).and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok()) {
        headers.insert(header::AUTHORIZATION, value);
    }
}

/// Returns whether a page of another origin sends the request. A plugin may answer the preflight of its endpoint and
/// allow more than the host does.
fn is_foreign(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).map(HeaderValue::as_bytes).unwrap_or_default();
    let is_own = |origin: &HeaderValue| {
        let origin = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        origin.is_some_and(|(_, own)| own.as_bytes().eq_ignore_ascii_case(host))
    };
    !headers.get_all(header::ORIGIN).iter().all(is_own)
        || headers.get_all(SEC_FETCH_SITE).iter().any(|site| site != "same-origin")
}

/// Returns the token in the session cookie.
fn token(headers: &HeaderMap) -> Option<&str> {
    let names = [true, false].map(|is_secure| name(headers, is_secure));
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = pairs.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, token) = pairs.find(|(name, _)| names.iter().any(|own| own == name))?;
    is_token(token).then_some(token)
}

/// Returns whether a text can be the value of the cookie: a token consists of letters, digits and `_`.
pub(crate) fn is_token(text: &str) -> bool {
    (1..=MAX_TOKEN_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Returns the value of `Set-Cookie` that stores a token until the browser is closed.
pub(crate) fn with_token(request: &HeaderMap, token: &str) -> String {
    format!("{}={token}; {}", name(request, is_secure(request)), attributes(request))
}

/// Returns the value of `Set-Cookie` that removes the cookie.
pub(crate) fn removed(request: &HeaderMap) -> String {
    format!("{}=; Max-Age=0; {}", name(request, is_secure(request)), attributes(request))
}

fn attributes(request: &HeaderMap) -> &'static str {
    if is_secure(request) { "Path=/; HttpOnly; SameSite=Strict; Secure" } else { "Path=/; HttpOnly; SameSite=Strict" }
}

/// Returns whether the page was loaded over TLS, also if a proxy terminates it. Browsers send `Origin` with requests
/// that change something.
fn is_secure(request: &HeaderMap) -> bool {
    request.get(header::ORIGIN).is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}

fn name(request: &HeaderMap, is_secure: bool) -> String {
    let host = request.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let port = host.rsplit_once(':').map_or("", |(_, port)| port);
    let port = if port.bytes().all(|byte| byte.is_ascii_digit()) { port } else { "" };
    let prefix = if is_secure { "__Host-" } else { "" };
    format!("{prefix}plugin_host_session{}{port}", if port.is_empty() { "" } else { "_" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(fields: &[(&'static str, &str)]) -> HeaderMap {
        let fields = fields.iter().map(|(name, value)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header value"))
        });
        fields.collect()
    }

    #[test]
    fn the_cookie_counts_only_with_the_header_of_the_console_and_for_its_own_port() {
        let console = ("x-plugin-host-console", "1");
        let host = ("host", "127.0.0.1:4000");
        let own = ("origin", "http://127.0.0.1:4000");
        let same_origin = ("sec-fetch-site", "same-origin");
        for (fields, expected) in [
            (&[host, console, ("cookie", "plugin_host_session_4000=dph_a")][..], Some("Bearer dph_a")),
            (&[host, console, ("cookie", "a=b; __Host-plugin_host_session_4000=dph_a")], Some("Bearer dph_a")),
            (&[host, console, ("cookie", "plugin_host_session_4001=dph_a")], None),
            (&[host, console, ("cookie", "plugin_host_session_4000=dph a")], None),
            (&[host, console, ("cookie", "plugin_host_session_4000=")], None),
            (&[host, ("cookie", "plugin_host_session_4000=dph_a")], None),
            (&[host, console, own, same_origin, ("cookie", "plugin_host_session_4000=dph_a")], Some("Bearer dph_a")),
            (&[host, console, ("origin", "http://127.0.0.1:3000"), ("cookie", "plugin_host_session_4000=dph_a")], None),
            (&[host, console, ("origin", "null"), ("cookie", "plugin_host_session_4000=dph_a")], None),
            (&[host, console, ("sec-fetch-site", "same-site"), ("cookie", "plugin_host_session_4000=dph_a")], None),
            (
                &[host, console, ("cookie", "plugin_host_session_4000=dph_a"), ("authorization", "Bearer dph_b")],
                Some("Bearer dph_b"),
            ),
            (&[("host", "console.example"), console, ("cookie", "plugin_host_session=dph_a")], Some("Bearer dph_a")),
        ] {
            let mut headers = request(fields);
            authorize(&mut headers);
            assert_eq!(headers.get("authorization").map(|value| value.to_str().unwrap()), expected, "{fields:?}");
            assert!(!headers.contains_key("x-plugin-host-console"));
        }
    }

    #[test]
    fn the_cookie_is_limited_to_tls_if_the_page_was_loaded_over_tls() {
        let plain = request(&[("host", "127.0.0.1:4000"), ("origin", "http://127.0.0.1:4000")]);
        let plain_cookie = "plugin_host_session_4000=dph_a; Path=/; HttpOnly; SameSite=Strict";
        assert_eq!(with_token(&plain, "dph_a"), plain_cookie);
        let secure = request(&[("host", "console.example"), ("origin", "https://console.example")]);
        let secure_cookie = "__Host-plugin_host_session=dph_a; Path=/; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(with_token(&secure, "dph_a"), secure_cookie);
        assert_eq!(
            removed(&secure),
            "__Host-plugin_host_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict; Secure"
        );
    }
}
