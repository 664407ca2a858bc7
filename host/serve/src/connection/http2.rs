//! Makes an HTTP/2 request look like HTTP/1.1 for everything behind the connection.

pub(crate) mod preface;
pub(crate) mod stream;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Request, Version};

/// Adds the `Host` header that the pseudo-header `:authority` stands for, and joins the `cookie` fields that HTTP/2
/// clients may split (RFC 9113, sections 8.3.1 and 8.2.3). Requests of other versions are not changed.
pub(crate) fn like_http1<B>(request: &mut Request<B>) {
    if request.version() != Version::HTTP_2 {
        return;
    }
    if !request.headers().contains_key(header::HOST)
        && let Some(host) = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok())
    {
        request.headers_mut().insert(header::HOST, host);
    }
    join_cookies(request.headers_mut());
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
    use super::*;

    #[test]
    fn the_authority_becomes_the_host_and_cookies_are_joined() {
        let request = |version| {
            let request = Request::get("https://a.example:1/x?y").version(version);
            request.header("cookie", "a=1").header("cookie", "b=2").body(()).unwrap()
        };
        let seen = |mut request: Request<()>| {
            like_http1(&mut request);
            let values = |name| request.headers().get_all(name).iter().map(|value| value.to_str().unwrap().to_owned());
            (values(header::HOST).collect::<Vec<_>>(), values(header::COOKIE).collect::<Vec<_>>())
        };
        let (host, cookies) = seen(request(Version::HTTP_2));
        assert_eq!((&host[..], &cookies[..]), (&["a.example:1".to_owned()][..], &["a=1; b=2".to_owned()][..]));
        let (host, cookies) = seen(request(Version::HTTP_11));
        assert_eq!((host.len(), cookies.len()), (0, 2));
        let mut both = request(Version::HTTP_2);
        both.headers_mut().insert(header::HOST, HeaderValue::from_static("b.example"));
        assert_eq!(seen(both).0, ["b.example"]);
    }
}
