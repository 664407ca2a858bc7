//! Makes an HTTP/2 request look like HTTP/1.1 for everything behind the connection.

pub(crate) mod preface;
pub(crate) mod stream;

use http::Version;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;

/// Adds the `Host` header that the pseudo-header `:authority` stands for, and joins the `cookie` fields that HTTP/2
/// clients may split (RFC 9113, sections 8.3.1 and 8.2.3). Requests of other versions are not changed.
pub(crate) fn like_http1(parts: &mut Parts) {
    if parts.version != Version::HTTP_2 {
        return;
    }
    if !parts.headers.contains_key(header::HOST)
        && let Some(host) = parts.uri.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok())
    {
        parts.headers.insert(header::HOST, host);
    }
    join_cookies(&mut parts.headers);
}

fn join_cookies(headers: &mut HeaderMap) {
    let cookies = headers.get_all(header::COOKIE);
    if cookies.iter().nth(1).is_none() {
        return;
    }
    let joined = cookies.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b"; "[..]);
    let joined = HeaderValue::from_bytes(&joined).expect("header values joined by `; ` are a header value");
    headers.insert(header::COOKIE, joined);
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[test]
    fn the_authority_becomes_the_host_and_cookies_are_joined() {
        let request = |version| {
            let request = Request::get("https://a.example:1/x?y").version(version);
            request.header("cookie", "a=1").header("cookie", "b=2").body(()).unwrap().into_parts().0
        };
        let seen = |mut parts: Parts| {
            like_http1(&mut parts);
            let values = |name| parts.headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned());
            (values(header::HOST).collect::<Vec<_>>(), values(header::COOKIE).collect::<Vec<_>>())
        };
        let (host, cookies) = seen(request(Version::HTTP_2));
        assert_eq!((&host[..], &cookies[..]), (&["a.example:1".to_owned()][..], &["a=1; b=2".to_owned()][..]));
        let (host, cookies) = seen(request(Version::HTTP_11));
        assert_eq!((host.len(), cookies.len()), (0, 2));
        let mut both = request(Version::HTTP_2);
        both.headers.insert(header::HOST, HeaderValue::from_static("b.example"));
        assert_eq!(seen(both).0, ["b.example"]);
    }
}
