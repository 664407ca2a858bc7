//! A request of the plugin to its host.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use plugin_sdk_abi::head::Head;
use plugin_sdk_abi::{Chunk, Failure, Pairs, Request, Response, service};

use super::ServiceError;
use crate::plugin_runtime::PluginRuntime;
use crate::scope;
use crate::{Body, Bytes, Error};

/// The size limit of a response that is read as a whole.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// A request to a host service.
pub(super) struct Ask<'a> {
    pub(super) service: u32,
    pub(super) method: Method,
    pub(super) path: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) params: &'a [(&'a str, &'a str)],
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    /// The timeout, if it is shorter than the remaining time of the call being handled.
    pub(super) timeout: Option<Duration>,
}

/// A response of the host.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

impl<'a> Ask<'a> {
    /// Creates a request with parameters and without a body.
    pub(super) fn new(service: u32, method: Method, params: &'a [(&'a str, &'a str)]) -> Ask<'a> {
        let (headers, body) = (HeaderMap::new(), Body::default());
        Ask { service, method, path: "/", query: None, params, headers, body, timeout: None }
    }

    /// Sends the request and returns the response, whatever its status.
    pub(super) async fn send(self, plugin_runtime: &PluginRuntime) -> Result<Answer, ServiceError> {
        let host = plugin_runtime.host.as_ref().ok_or_else(|| {
            ServiceError::new(
                StatusCode::NOT_IMPLEMENTED,
                "no_host",
                "this hook cannot use host services, because it runs before the plugin is started",
            )
        })?;
        let name = name_of(self.service);
        let asked = host.request(self.into_request()).ok_or_else(|| ServiceError::old_host(name))?;
        let response = asked.await.into_result().map_err(|failure| ServiceError::failed(&failure))?;
        Answer::read(response).map_err(|failure| ServiceError::failed(&failure))
    }

    /// Sends the request and converts a status of 400 or more to an error.
    pub(super) async fn send_for_success(self, plugin_runtime: &PluginRuntime) -> Result<Answer, ServiceError> {
        let answer = self.send(plugin_runtime).await?;
        if answer.status.is_client_error() || answer.status.is_server_error() {
            return Err(answer.into_error().await);
        }
        Ok(answer)
    }

    /// The head of the request as it crosses the boundary, with the facts about the call that is being handled.
    fn into_request(self) -> Request {
        let call = scope::current(|scope| scope.call.clone());
        let left = call.as_ref().and_then(|call| call.remaining());
        let timeout = [left, self.timeout].into_iter().flatten().min();
        // The depth of the calling request; the host increments it for the new one.
        let depth = call.as_ref().map(|call| call.depth.to_string());
        let context = [
            call.as_ref().and_then(|call| call.traceparent()).map(|trace| (&b"traceparent"[..], trace.as_bytes())),
            depth.as_ref().map(|depth| (&b"depth"[..], depth.as_bytes())),
        ];
        let head = Head {
            handler: self.service,
            deadline_ms: timeout.map(|left| u32::try_from(left.as_millis()).unwrap_or(u32::MAX - 1)),
            method: self.method.as_str(),
            path: self.path,
            query: self.query,
            peer: "",
            request_id: call.as_ref().map_or("", |call| call.request_id()),
            params: self.params.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())),
            headers: self.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())),
            context: context.into_iter().flatten(),
        };
        let head = Chunk::from_vec(head.write());
        let (body, stream) = self.body.into_abi();
        Request { head, body, stream }
    }
}

fn name_of(service: u32) -> &'static str {
    match service {
        service::KV => "key-value store",
        service::EVENTS => "events",
        service::FETCH => "HTTP for plugins",
        service::CALL => "calls between plugins",
        service::SECRETS => "secrets",
        _ => "this service",
    }
}

impl Answer {
    fn read(response: Response) -> Result<Answer, Failure> {
        let status = StatusCode::from_u16(response.status).map_err(|error| Failure::failed(&error.to_string()))?;
        let (pairs, _) = Pairs::read(&response.headers).map_err(|error| Failure::failed(&error.to_string()))?;
        let mut headers = HeaderMap::with_capacity(pairs.len());
        for (name, value) in pairs.iter() {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                headers.append(name, value);
            }
        }
        let body = Body::from_abi(response.body, response.stream.into_option()).broken_as(broken);
        Ok(Answer { status, headers, body })
    }

    /// The whole body.
    pub(super) async fn bytes(self) -> Result<Bytes, ServiceError> {
        let bytes = self.body.collect(MAX_ANSWER_BYTES).await;
        bytes.map_err(|error| ServiceError::new(StatusCode::BAD_GATEWAY, "answer_incomplete", error.to_string()))
    }

    /// Converts an error response.
    pub(super) async fn into_error(self) -> ServiceError {
        let status = self.status;
        let bytes = self.bytes().await.unwrap_or_default();
        ServiceError::from_problem(status, &bytes).unwrap_or_else(|| ServiceError::new(status, "refused", ""))
    }

    /// Returns whether the response is a problem document.
    pub(super) fn is_problem(&self) -> bool {
        let media_type = self.headers.get("content-type").and_then(|value| value.to_str().ok());
        media_type.is_some_and(|media_type| media_type.starts_with("application/problem+json"))
    }
}

fn broken(message: &str) -> Error {
    Error::new(StatusCode::BAD_GATEWAY, "answer_incomplete").with_cause(message)
}
