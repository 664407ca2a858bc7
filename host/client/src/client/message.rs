//! Requests to the API, and its responses.

use bytes::Bytes;
use http::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;

/// A successful response.
pub(crate) struct ApiResponse {
    /// The `Location` header: the path of the job.
    pub(super) location: Option<String>,
    /// The body, unchanged.
    pub(crate) body: Bytes,
}

/// A request to the API.
pub(crate) struct ApiRequest {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Bytes,
    pub(super) content_type: String,
    pub(super) respond_async: bool,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl ApiRequest {
    /// Creates a request without a body.
    pub(crate) fn new(method: Method, path: impl Into<String>) -> ApiRequest {
        let path = path.into();
        let body = Bytes::new();
        let content_type = "application/json".to_owned();
        ApiRequest { method, path, body, content_type, respond_async: false, headers: vec![] }
    }

    /// Creates a GET request.
    pub(crate) fn get(path: impl Into<String>) -> ApiRequest {
        ApiRequest::new(Method::GET, path)
    }

    /// Creates a POST request.
    pub(crate) fn post(path: impl Into<String>) -> ApiRequest {
        ApiRequest::new(Method::POST, path)
    }

    /// Sets a JSON body.
    pub(crate) fn json(mut self, value: &impl Serialize) -> ApiRequest {
        self.body = serde_json::to_vec(value).expect("texts, numbers and maps with text keys serialize").into();
        self
    }

    /// Sets a YAML body.
    pub(crate) fn yaml(mut self, text: String) -> ApiRequest {
        self.body = text.into();
        self.content_type = "application/yaml".to_owned();
        self
    }

    /// Adds a header. A value that is invalid in a header makes the request fail.
    pub(crate) fn header(mut self, name: &'static str, value: impl ToString) -> ApiRequest {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Requests the host to respond before the operation has ended.
    pub(crate) fn respond_async(mut self) -> ApiRequest {
        self.respond_async = true;
        self
    }
}

impl ApiResponse {
    /// Parses the body.
    ///
    /// # Errors
    /// The body has an unexpected shape, because the host has another version.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::from_error("failed to parse the host's response", &error)
                .fix("use a plugin-host program of the same version as the host")
        })
    }
}
