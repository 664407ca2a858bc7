//! A request to a plugin in a test.

use std::fmt;
use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use plugin_sdk_abi::head::Head;
use plugin_sdk_abi::{Chunk, PluginHandle};
use serde::Serialize;

use super::failure::ended;
use super::plugin::Started;
use super::{TestPlugin, TestResponse};
use crate::{Body, Error, IntoResponse as _, Plugin, StatusCode};

/// A request that has not been sent yet: `.await` sends it.
#[must_use = "a request is sent by `.await`"]
pub struct TestRequest<P: Plugin> {
    started: Arc<Started<P>>,
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Body,
    peer: String,
    deadline: Duration,
    context: Vec<(String, String)>,
}

impl<P: Plugin> TestPlugin<P> {
    /// A request with any method; `target` is the path after the plugin's id, with a query if there is one.
    pub fn request(&self, method: Method, target: &str) -> TestRequest<P> {
        TestRequest::new(self.started.clone(), method, target)
    }

    /// A GET request.
    pub fn get(&self, target: &str) -> TestRequest<P> {
        self.request(Method::GET, target)
    }

    /// A POST request.
    pub fn post(&self, target: &str) -> TestRequest<P> {
        self.request(Method::POST, target)
    }

    /// A PUT request.
    pub fn put(&self, target: &str) -> TestRequest<P> {
        self.request(Method::PUT, target)
    }

    /// A PATCH request.
    pub fn patch(&self, target: &str) -> TestRequest<P> {
        self.request(Method::PATCH, target)
    }

    /// A DELETE request.
    pub fn delete(&self, target: &str) -> TestRequest<P> {
        self.request(Method::DELETE, target)
    }
}

impl<P: Plugin> TestRequest<P> {
    fn new(started: Arc<Started<P>>, method: Method, target: &str) -> TestRequest<P> {
        assert!(target.starts_with('/'), "a path starts with `/`, found `{target}`");
        TestRequest {
            started,
            method,
            target: target.to_owned(),
            headers: HeaderMap::new(),
            body: Body::default(),
            peer: "127.0.0.1:50000".to_owned(),
            deadline: Duration::from_secs(30),
            context: Vec::new(),
        }
    }

    /// Adds a header.
    ///
    /// # Panics
    /// The header is invalid.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::try_from(name).unwrap_or_else(|error| panic!("`{name}`: {error}"));
        let value = HeaderValue::try_from(value).unwrap_or_else(|error| panic!("`{value}`: {error}"));
        self.headers.append(name, value);
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a JSON body with its content type.
    ///
    /// # Panics
    /// It does not serialize.
    pub fn json(mut self, value: &impl Serialize) -> Self {
        self.body = serde_json::to_vec(value).expect("the body of a test serializes").into();
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }

    /// Sets a form as body with its content type.
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        self.body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into();
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        self
    }

    /// Sets the address of the caller; the default is `127.0.0.1:50000`.
    pub fn peer(mut self, peer: &str) -> Self {
        self.peer = peer.to_owned();
        self
    }

    /// Sets the authenticated caller.
    pub fn actor(self, actor: &str) -> Self {
        self.context("actor", actor)
    }

    /// Sets the trace context in the W3C format.
    pub fn traceparent(self, traceparent: &str) -> Self {
        self.context("traceparent", traceparent)
    }

    /// Sets the deadline; the default is 30 s. The plugin sees it, but it is not enforced.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    fn context(mut self, name: &str, value: &str) -> Self {
        self.context.push((name.to_owned(), value.to_owned()));
        self
    }

    async fn send(self) -> TestResponse {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let request_id = format!("test-{}", LAST.fetch_add(1, Ordering::Relaxed) + 1);
        let (path, query) = match self.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (&*self.target, None),
        };
        let (handler, params) = match self.started.routes.find(&self.method, path) {
            Ok(routed) => routed,
            Err(error) => return TestResponse::new(error.into_response().into_abi(), request_id),
        };
        let head = Head {
            handler,
            deadline_ms: Some(u32::try_from(self.deadline.as_millis()).unwrap_or(u32::MAX - 1)),
            method: self.method.as_str(),
            path,
            query,
            peer: &self.peer,
            request_id: &request_id,
            params: params.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())),
            headers: self.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())),
            context: self.context.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())),
        };
        let head = Chunk::from_vec(head.write());
        let (body, stream) = self.body.into_abi();
        let PluginHandle { plugin, table } = self.started.handle;
        // SAFETY: handle and table belong together, and `self.started` is held until the response is there.
        let called = unsafe { (table.call())(plugin, plugin_sdk_abi::Request { head, body, stream }) };
        let mut response = match ended(called).await {
            Ok(response) => TestResponse::new(response, request_id),
            Err(failure) => {
                // The response of a host: the reason is only logged.
                let error = Error::new(StatusCode::INTERNAL_SERVER_ERROR, "plugin_failed");
                let mut response = TestResponse::new(error.into_response().into_abi(), request_id);
                response.failure = Some(failure);
                response
            }
        };
        response.holds = Some(self.started.clone());
        response
    }
}

impl<P: Plugin> IntoFuture for TestRequest<P> {
    type Output = TestResponse;
    type IntoFuture = Pin<Box<dyn Future<Output = TestResponse> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl<P: Plugin> fmt::Debug for TestRequest<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestRequest({} {})", self.method, self.target)
    }
}
