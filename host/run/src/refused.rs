//! What whoever calls a plugin is told when there is no answer of the plugin's; the operator finds more under the request id.

use host_load::{CallError, ServiceBody};
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};

use crate::admission::Refusal;
use crate::call::CallRefusal;
use crate::plugin::Phase;
use crate::routes::RouteRefusal;

/// How long a caller should wait before it asks a plugin again that does not serve now.
const RETRY_AFTER_SECONDS: u32 = 1;

/// A refused call, as a caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedCall {
    /// The status.
    pub status: StatusCode,
    /// A word for programs. Never reworded.
    pub code: &'static str,
    /// One sentence.
    pub detail: String,
    /// What `Allow` says.
    pub allow: Option<HeaderValue>,
    /// When to ask again.
    pub retry_after_seconds: Option<u32>,
}

impl RefusedCall {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> RefusedCall {
        RefusedCall { status, code, detail: detail.into(), allow: None, retry_after_seconds: None }
    }

    fn later(self) -> RefusedCall {
        RefusedCall { retry_after_seconds: Some(RETRY_AFTER_SECONDS), ..self }
    }

    /// The host is about to end.
    pub(crate) fn stopping() -> RefusedCall {
        RefusedCall::new(StatusCode::SERVICE_UNAVAILABLE, "run_shutting_down", "the host is shutting down")
    }

    /// The answer that a plugin gets.
    pub(crate) fn into_answer(self) -> Response<ServiceBody> {
        let RefusedCall { status, code, detail, allow, retry_after_seconds } = self;
        let mut response = host_services::problem(status, code, &detail);
        let headers = response.headers_mut();
        if let Some(allow) = allow {
            headers.insert(header::ALLOW, allow);
        }
        if let Some(seconds) = retry_after_seconds {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }

    /// No generation of `id` answers.
    pub fn admission(refusal: Refusal, id: &str) -> RefusedCall {
        let id = shown(id);
        match refusal {
            Refusal::Unknown => {
                RefusedCall::new(StatusCode::NOT_FOUND, "plugin_unknown", format!("no plugin `{id}` is installed"))
            }
            Refusal::CircuitOpen => {
                let detail = format!("plugin `{id}` fails its health probes; calls are let in again when one passes");
                RefusedCall::new(StatusCode::SERVICE_UNAVAILABLE, "plugin_unhealthy", detail).later()
            }
            Refusal::NotServing(phase) => {
                let detail = match phase {
                    Phase::Stopped | Phase::Draining => format!("plugin `{id}` is disabled"),
                    Phase::Failed => format!("plugin `{id}` could not be started; it is tried again"),
                    Phase::Quarantined => {
                        format!("plugin `{id}` is quarantined until the operator enables, starts or restarts it")
                    }
                    _ => format!("plugin `{id}` does not serve yet: {}", phase.as_str()),
                };
                RefusedCall::new(StatusCode::SERVICE_UNAVAILABLE, "plugin_not_serving", detail).later()
            }
        }
    }

    /// `id` has no such endpoint.
    pub fn route(refusal: RouteRefusal, id: &str) -> RefusedCall {
        match refusal {
            RouteRefusal::NotFound => {
                let detail = format!("plugin `{}` has no such endpoint", shown(id));
                RefusedCall::new(StatusCode::NOT_FOUND, "endpoint_unknown", detail)
            }
            RouteRefusal::Method(allow) => {
                let detail = format!("the endpoint takes {}", allow.to_str().unwrap_or_default());
                let refused = RefusedCall::new(StatusCode::METHOD_NOT_ALLOWED, "endpoint_method", detail);
                RefusedCall { allow: Some(allow), ..refused }
            }
            RouteRefusal::BadPath => RefusedCall::new(
                StatusCode::BAD_REQUEST,
                "endpoint_path",
                "the path holds a dot segment, an encoded separator, or bytes that are not UTF-8",
            ),
        }
    }

    /// The call gave no answer.
    pub fn call(refusal: &CallRefusal) -> RefusedCall {
        match refusal {
            CallRefusal::BodyTooLarge(max) => RefusedCall::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("the endpoint takes a body of at most {max} bytes"),
            ),
            CallRefusal::BodyIncomplete(reason) => RefusedCall::new(
                StatusCode::BAD_REQUEST,
                "body_incomplete",
                format!("the body could not be read: {reason}"),
            ),
            CallRefusal::BodyTimedOut(after) => RefusedCall::new(
                StatusCode::REQUEST_TIMEOUT,
                "body_timed_out",
                format!("the body did not arrive within {} s", after.as_secs_f64()),
            ),
            CallRefusal::Cut => RefusedCall::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "plugin_replaced",
                "the plugin was replaced, and this call took longer than its drain",
            )
            .later(),
            CallRefusal::Failed(error) => match error {
                CallError::Panicked(_) => {
                    RefusedCall::new(StatusCode::INTERNAL_SERVER_ERROR, "plugin_panicked", "the plugin panicked")
                }
                CallError::Failed(_) => {
                    RefusedCall::new(StatusCode::INTERNAL_SERVER_ERROR, "plugin_failed", "the plugin failed")
                }
                CallError::Invalid(_) => RefusedCall::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "plugin_bad_answer",
                    "the plugin's answer is invalid",
                ),
                CallError::TimedOut { .. } => {
                    RefusedCall::new(StatusCode::GATEWAY_TIMEOUT, "plugin_timed_out", error.to_string())
                }
            },
        }
    }
}

/// An id of a caller's, made fit for a sentence.
fn shown(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).take(60).collect()
}
