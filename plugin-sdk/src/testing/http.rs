//! Recorded requests of a test plugin to servers and other plugins.

use http::{HeaderMap, Method, StatusCode};
use serde::de::DeserializeOwned;

use crate::{Bytes, Error, IntoResponse as _, Response};

/// A request of the plugin to a server or another plugin.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SentRequest {
    /// The method.
    pub method: Method,
    /// The absolute URL with its query; for another plugin, `/<plugin id>/<path>` with its query.
    pub url: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// The id of the request that the plugin was handling; empty outside of one.
    pub request_id: String,
    /// The W3C trace context of that request.
    pub traceparent: Option<String>,
}

/// Creates the response to a request.
pub(super) type Answers = Box<dyn Fn(&SentRequest) -> Response + Send + Sync>;

impl SentRequest {
    /// The body, read as JSON.
    ///
    /// # Panics
    /// The body does not deserialize to `T`.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("the body of {}: {error}", self.url))
    }
}

/// The response if the test answers no HTTP requests.
pub(super) fn no_world(asked: &SentRequest) -> Response {
    let detail = format!("the test has no response for {}: return it from the closure of `Builder::http`", asked.url);
    Error::new(StatusCode::BAD_GATEWAY, "fetch_failed").with_detail(detail).into_response()
}

/// The response if there are no other plugins.
pub(super) fn no_plugins(asked: &SentRequest) -> Response {
    let detail =
        format!("the test has no response for {}: return it from the closure of `Builder::plugins`", asked.url);
    Error::new(StatusCode::NOT_FOUND, "plugin_unknown").with_detail(detail).into_response()
}
