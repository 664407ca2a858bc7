//! Extractors that return a part of the request unchanged.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};

use super::MAX_COLLECTED_BYTES;
use super::json::refuse_coded;
use crate::{Body, Error, FromRequest, Request, RequestContext};

impl FromRequest for Request {
    const TAKES_BODY: bool = true;

    async fn from_request(request: &mut Request) -> Result<Request, Error> {
        Ok(request.take())
    }
}

impl FromRequest for http::Request<Body> {
    const TAKES_BODY: bool = true;

    async fn from_request(request: &mut Request) -> Result<http::Request<Body>, Error> {
        Ok(request.take().into())
    }
}

impl FromRequest for Body {
    const TAKES_BODY: bool = true;

    async fn from_request(request: &mut Request) -> Result<Body, Error> {
        Ok(request.take_body())
    }

    fn is_present(request: &Request) -> bool {
        !request.body().is_empty()
    }
}

impl FromRequest for Bytes {
    const TAKES_BODY: bool = true;

    async fn from_request(request: &mut Request) -> Result<Bytes, Error> {
        request.take_body().collect(MAX_COLLECTED_BYTES).await
    }

    fn is_present(request: &Request) -> bool {
        Body::is_present(request)
    }
}

impl FromRequest for String {
    const TAKES_BODY: bool = true;

    async fn from_request(request: &mut Request) -> Result<String, Error> {
        refuse_coded(request)?;
        let bytes = request.take_body().collect(MAX_COLLECTED_BYTES).await?;
        String::from_utf8(bytes.into())
            .map_err(|_| Error::new(StatusCode::BAD_REQUEST, "body_not_text").with_detail("the body is not UTF-8 text"))
    }

    fn is_present(request: &Request) -> bool {
        Body::is_present(request)
    }
}

impl FromRequest for HeaderMap {
    async fn from_request(request: &mut Request) -> Result<HeaderMap, Error> {
        Ok(request.headers())
    }
}

impl FromRequest for Method {
    async fn from_request(request: &mut Request) -> Result<Method, Error> {
        Ok(request.method())
    }
}

/// The path after the plugin's id, and the query.
impl FromRequest for Uri {
    async fn from_request(request: &mut Request) -> Result<Uri, Error> {
        let refused =
            || Error::new(StatusCode::BAD_REQUEST, "path_malformed").with_detail("path and query are not a valid URI");
        request.uri().ok_or_else(refused)
    }
}

impl FromRequest for RequestContext {
    async fn from_request(request: &mut Request) -> Result<RequestContext, Error> {
        Ok(request.context())
    }
}
