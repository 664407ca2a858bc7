//! HTTP requests that the host sends for the plugin.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use plugin_sdk_abi::service;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::ServiceError;
use super::ask::{Answer, Ask};
use crate::plugin_runtime::PluginRuntime;
use crate::{Body, Bytes, Error};

/// HTTP through the host: its connections, its certificates, and the list of hosts that plugin.yaml allows.
///
/// ```
/// # use plugin_sdk::prelude::*;
/// # async fn example(context: Context) -> Result<()> {
/// let response = context
///     .http()
///     .post("https://shop.example/orders")
///     .header("x-client", "cats")
///     .json(&json!({ "food": "tuna" }))
///     .send()
///     .await?
///     .error_for_status()
///     .await?;
/// let order: Value = response.json().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Http {
    plugin_runtime: Arc<PluginRuntime>,
}

/// A request that has not been sent yet, to a server with [`Http`] or to another plugin with
/// [`Plugins`](super::Plugins).
#[must_use = "a request does nothing until it is sent"]
pub struct HttpRequest {
    plugin_runtime: Arc<PluginRuntime>,
    service: u32,
    method: Method,
    /// The target, including a query that the author wrote into it.
    target: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Body,
    timeout: Option<Duration>,
    /// An error that was found while building the request.
    refused: Option<ServiceError>,
}

/// A response with any status.
pub struct HttpResponse {
    answer: Answer,
}

macro_rules! methods {
    ($($name:ident $method:ident,)*) => {$(
        #[doc = concat!("A ", stringify!($method), " request.")]
        pub fn $name(&self, url: impl Into<String>) -> HttpRequest {
            self.request(Method::$method, url)
        }
    )*};
}

impl Http {
    pub(crate) fn new(plugin_runtime: Arc<PluginRuntime>) -> Http {
        Http { plugin_runtime }
    }

    /// A request with any method, for an absolute URL.
    pub fn request(&self, method: Method, url: impl Into<String>) -> HttpRequest {
        HttpRequest::new(self.plugin_runtime.clone(), service::FETCH, method, url.into())
    }

    methods! { get GET, post POST, put PUT, patch PATCH, delete DELETE, head HEAD, }
}

impl HttpRequest {
    pub(super) fn new(plugin_runtime: Arc<PluginRuntime>, service: u32, method: Method, target: String) -> HttpRequest {
        let (query, headers, body) = (Vec::new(), HeaderMap::new(), Body::default());
        HttpRequest { plugin_runtime, service, method, target, query, headers, body, timeout: None, refused: None }
    }

    /// Adds a header. [`HttpRequest::send`] reports an invalid one.
    pub fn header<N, V>(mut self, name: N, value: V) -> HttpRequest
    where
        HeaderName: TryFrom<N, Error: fmt::Display>,
        HeaderValue: TryFrom<V, Error: fmt::Display>,
    {
        match (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            (Ok(name), Ok(value)) => {
                self.headers.append(name, value);
            }
            (Err(error), _) => self.refuse(error.to_string()),
            (_, Err(error)) => self.refuse(error.to_string()),
        }
        self
    }

    /// Sets headers, replacing existing ones of the same names.
    pub fn headers(mut self, headers: HeaderMap) -> HttpRequest {
        self.headers.extend(headers);
        self
    }

    /// Adds a query parameter; name and value are percent-encoded.
    pub fn query(mut self, name: impl Into<String>, value: impl Into<String>) -> HttpRequest {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Body>) -> HttpRequest {
        self.body = body.into();
        self
    }

    /// Sets a JSON body with its content type.
    pub fn json(mut self, value: &impl Serialize) -> HttpRequest {
        match serde_json::to_vec(value) {
            Ok(json) => self.body = json.into(),
            Err(error) => self.refuse(format!("the body does not serialize: {error}")),
        }
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }

    /// Sets a body that is streamed.
    pub fn stream<S, B, E>(mut self, stream: S) -> HttpRequest
    where
        S: Stream<Item = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: Into<Error>,
    {
        self.body = Body::from_stream(stream);
        self
    }

    /// Limits the time until the response. The deadline of the call that the plugin is handling applies as well.
    pub fn timeout(mut self, timeout: Duration) -> HttpRequest {
        self.timeout = Some(timeout);
        self
    }

    /// Sends the request, and waits for the head of the response.
    ///
    /// # Errors
    /// The permission is missing, or the host could not send the request or got no response: the codes `fetch_…`,
    /// `call_…`, `service_…`, `generation_ended`. A response with a status of 400 or more is not an error; see
    /// [`HttpResponse::error_for_status`].
    ///
    /// # Cancel safety
    /// Dropping the future ends the request.
    pub async fn send(mut self) -> Result<HttpResponse, ServiceError> {
        if let Some(refused) = self.refused.take() {
            return Err(refused);
        }
        let (path, query) = self.parts();
        // For a plugin the host expects path and query separately; for a server it expects one URL.
        let is_call = self.service == service::CALL;
        let whole = if query.is_empty() || is_call { path } else { format!("{path}?{query}") };
        let ask = Ask {
            service: self.service,
            method: self.method,
            path: &whole,
            query: (is_call && !query.is_empty()).then_some(&query),
            params: &[],
            headers: self.headers,
            body: self.body,
            timeout: self.timeout,
        };
        HttpResponse::from_answer(ask.send(&self.plugin_runtime).await?).await
    }

    /// The target without its query, and the whole query. A fragment is not sent.
    fn parts(&self) -> (String, String) {
        let target = self.target.split_once('#').map_or(&*self.target, |(target, _)| target);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut written = form_urlencoded::Serializer::new(query.to_owned());
        (path.to_owned(), written.extend_pairs(&self.query).finish())
    }

    fn refuse(&mut self, detail: String) {
        self.refused.get_or_insert(ServiceError::bad_request(detail));
    }
}

/// The codes of the host's refusals, which are returned as errors. Any other response is passed on.
const REFUSALS: [&str; 14] = [
    "permission_denied",
    "generation_ended",
    "service_bad_request",
    "service_body",
    "service_method",
    "service_not_found",
    "fetch_bad_url",
    "fetch_not_allowed",
    "fetch_failed",
    "fetch_timed_out",
    "call_bad_path",
    "call_loop",
    "call_too_many",
    "call_unavailable",
];

impl HttpResponse {
    async fn from_answer(mut answer: Answer) -> Result<HttpResponse, ServiceError> {
        let may_be_refused = answer.status.is_client_error() || answer.status.is_server_error();
        if may_be_refused && answer.is_problem() {
            // A problem document is short; its code shows whether the host or the server created it.
            let (status, headers) = (answer.status, answer.headers.clone());
            let bytes = answer.bytes().await?;
            match ServiceError::from_problem(status, &bytes) {
                Some(error) if REFUSALS.contains(&error.code()) => return Err(error),
                _ => answer = Answer { status, headers, body: bytes.into() },
            }
        }
        Ok(HttpResponse { answer })
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.answer.status
    }

    /// The headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.answer.headers
    }

    /// Returns the response if its status is below 400.
    ///
    /// # Errors
    /// The status, with the code and detail of the problem document if the response is one.
    pub async fn error_for_status(self) -> Result<HttpResponse, ServiceError> {
        if self.answer.status.is_client_error() || self.answer.status.is_server_error() {
            Err(self.answer.into_error().await)
        } else {
            Ok(self)
        }
    }

    /// The body, chunk by chunk: a `Stream`.
    pub fn into_body(self) -> Body {
        self.answer.body
    }

    /// The whole body.
    ///
    /// # Errors
    /// The body ended early, or has more than 64 MiB.
    pub async fn bytes(self) -> Result<Bytes, ServiceError> {
        self.answer.bytes().await
    }

    /// The whole body as text.
    ///
    /// # Errors
    /// As for [`HttpResponse::bytes`]; code `not_text` if the body is not UTF-8.
    pub async fn text(self) -> Result<String, ServiceError> {
        let text = String::from_utf8(self.bytes().await?.into());
        text.map_err(|_| ServiceError::new(StatusCode::BAD_GATEWAY, "not_text", "the response is not UTF-8 text"))
    }

    /// The whole body, read as JSON.
    ///
    /// # Errors
    /// As for [`HttpResponse::bytes`]; code `does_not_fit` if the body does not deserialize to `T`.
    pub async fn json<T: DeserializeOwned>(self) -> Result<T, ServiceError> {
        let bytes = self.bytes().await?;
        serde_json::from_slice(&bytes).map_err(|error| ServiceError::not_json("the response", &error))
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Http")
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers and query may contain secrets.
        write!(f, "HttpRequest({})", self.method)
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpResponse({})", self.answer.status)
    }
}
