//! A response of a plugin in a test.

use std::any::Any;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use plugin_sdk_abi::Pairs;
use serde::de::DeserializeOwned;

use super::TestFailure;
use crate::{Body, Bytes};

/// A response. The body is read on demand, so endless streams can be tested.
#[derive(Debug)]
pub struct TestResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Body,
    request_id: String,
    pub(super) failure: Option<TestFailure>,
    /// The plugin, which must outlive its body.
    pub(super) holds: Option<Arc<dyn Any + Send + Sync>>,
}

impl TestResponse {
    /// Reads a response as a host does.
    ///
    /// # Panics
    /// The host would refuse it.
    pub(super) fn new(response: plugin_sdk_abi::Response, request_id: String) -> TestResponse {
        let status = StatusCode::from_u16(response.status).ok().filter(|status| (200..600).contains(&status.as_u16()));
        let status = status.unwrap_or_else(|| panic!("a host refuses the status {}", response.status));
        let (pairs, _) = Pairs::read(&response.headers).expect("the SDK writes headers as pairs");
        let mut headers = HeaderMap::with_capacity(pairs.len());
        for (name, value) in pairs.iter() {
            let name = HeaderName::from_bytes(name).expect("the SDK writes header names");
            headers.append(name, HeaderValue::from_bytes(value).expect("the SDK writes header values"));
        }
        let body = Body::from_abi(response.body, response.stream.into_option());
        TestResponse { status, headers, body, request_id, failure: None, holds: None }
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The header `name` as text; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The request id that the plugin received.
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// The panic of the handler, for which a host would respond with 500.
    pub fn failure(&self) -> Option<&TestFailure> {
        self.failure.as_ref()
    }

    /// The next chunk of the body as the plugin returned it; `None` at the end.
    ///
    /// # Panics
    /// The body broke off.
    pub async fn chunk(&mut self) -> Option<Bytes> {
        let chunk = self.body.chunk().await?;
        Some(chunk.unwrap_or_else(|error| panic!("the body broke off: {error}")))
    }

    /// The whole body.
    ///
    /// # Panics
    /// The body broke off.
    pub async fn bytes(mut self) -> Bytes {
        let body = std::mem::take(&mut self.body);
        body.collect(usize::MAX).await.unwrap_or_else(|error| panic!("the body broke off: {error}"))
    }

    /// The whole body as text.
    ///
    /// # Panics
    /// The body broke off, or is not UTF-8.
    pub async fn text(self) -> String {
        String::from_utf8(self.bytes().await.into()).expect("the body is UTF-8 text")
    }

    /// The whole body, read as JSON.
    ///
    /// # Panics
    /// The body ended early or does not deserialize to `T`.
    pub async fn json<T: DeserializeOwned>(self) -> T {
        let status = self.status;
        let bytes = self.bytes().await;
        serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            panic!(
                "the body of this response with status {status} does not fit: {error}\n{}",
                String::from_utf8_lossy(&bytes)
            )
        })
    }
}
