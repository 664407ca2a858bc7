//! The headers that are passed on, and the handling of redirects.

use bytes::Bytes;
use host_load::{ServiceRequest, is_hop_by_hop};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body::Body as _;

use super::FetchRequest;
use super::rules::origin;
use crate::error::{Error, quoted};

const USER_AGENT: &str = concat!("plugin-host/", env!("CARGO_PKG_VERSION"));

/// The headers to send: those of the plugin, and request id and trace of the host.
pub(crate) fn to_send(request: &ServiceRequest) -> Result<HeaderMap, Error> {
    let mut headers = without_connection(request.headers.clone());
    // Only the host of the URL was checked.
    headers.remove(header::HOST);
    headers.remove(header::PROXY_AUTHORIZATION);
    headers.remove(header::EXPECT);
    check_length(request, &mut headers)?;
    let add = |headers: &mut HeaderMap, name: &'static str, value: &str| {
        if let (false, Ok(value)) = (value.is_empty(), HeaderValue::from_str(value)) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    add(&mut headers, "x-request-id", &request.request_id);
    if !headers.contains_key("traceparent") {
        add(&mut headers, "traceparent", request.traceparent.as_deref().unwrap_or_default());
    }
    headers.entry(header::USER_AGENT).or_insert(HeaderValue::from_static(USER_AGENT));
    Ok(headers)
}

/// Removes `content-length` if the client knows the length itself; for a stream it must be one valid number.
fn check_length(request: &ServiceRequest, headers: &mut HeaderMap) -> Result<(), Error> {
    if request.body.size_hint().exact().is_some() {
        headers.remove(header::CONTENT_LENGTH);
    }
    let lengths: Vec<_> = headers.get_all(header::CONTENT_LENGTH).iter().collect();
    let is_number =
        |value: &HeaderValue| (1..=18).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_digit);
    match lengths.as_slice() {
        [] => Ok(()),
        [one] if is_number(one) => Ok(()),
        found => Err(Error::Request {
            field: "header `content-length`",
            rule: "must be one number",
            found: quoted(&String::from_utf8_lossy(found[0].as_bytes())),
        }),
    }
}

/// The headers of the server, as the plugin receives them.
pub(crate) fn received(headers: HeaderMap) -> HeaderMap {
    without_connection(headers)
}

/// Removes hop-by-hop headers, including the headers listed in `Connection` (RFC 9110 §7.6.1).
fn without_connection(mut headers: HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect();
    let hop_by_hop: Vec<HeaderName> = headers.keys().filter(|name| is_hop_by_hop(name)).cloned().collect();
    for name in named.iter().chain(&hop_by_hop) {
        headers.remove(name);
    }
    headers
}

/// The next request, if the response is a redirect that can be followed. A redirect that needs the same body again is
/// returned to the plugin if the body was a stream.
pub(crate) fn redirect<B>(asked: &FetchRequest, response: &Response<B>) -> Result<Option<FetchRequest>, Error> {
    let status = response.status();
    let location = match status {
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => response.headers().get(header::LOCATION),
        _ => None,
    };
    let Some(location) = location else { return Ok(None) };
    let refused = |reason: &str| Error::FetchFailed { to: origin(&asked.url), reason: reason.to_owned() };
    let location = location.to_str().map_err(|_| refused("it redirects to an invalid URL"))?;
    let mut url = asked.url.join(location).map_err(|_| refused("it redirects to an invalid URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("it redirects to a URL with a user or password"));
    }
    url.set_fragment(None);
    // Browsers change these methods to GET, and servers rely on it.
    let becomes_get = match status {
        StatusCode::SEE_OTHER => asked.method != Method::HEAD,
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => asked.method == Method::POST,
        _ => false,
    };
    let mut headers = asked.headers.clone();
    if url.origin() != asked.url.origin() {
        // Credentials are only for the first server.
        for name in [header::AUTHORIZATION, header::COOKIE] {
            headers.remove(name);
        }
    }
    if becomes_get {
        for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING] {
            headers.remove(name);
        }
        return Ok(Some(FetchRequest { method: Method::GET, url, headers, body: Some(Bytes::new()) }));
    }
    let Some(body) = asked.body.clone() else { return Ok(None) };
    Ok(Some(FetchRequest { method: asked.method.clone(), url, headers, body: Some(body) }))
}
