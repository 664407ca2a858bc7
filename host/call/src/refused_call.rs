//! The response to a call that the plugin did not answer. The logs have more details under the request id.

use host_core::configuration::Violation;
use host_core::{Size, Span};
use host_load::{CallError, ServiceBody};
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};

use crate::phase::Phase;
use crate::refusal::{AdmissionRefusal, CallRefusal, RouteRefusal, RuleRefusal};

/// The value of `Retry-After` for a plugin that does not serve at the moment.
const RETRY_AFTER_SECONDS: u32 = 1;
/// The number of violations in the sentence; `errors` lists all.
const MAX_SHOWN: usize = 3;

/// A refused call, as it is reported to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedCall {
    /// The status.
    pub status: StatusCode,
    /// The stable error code.
    pub code: &'static str,
    /// The description, in one sentence.
    pub detail: String,
    /// The remedy.
    pub fix: Option<String>,
    /// The value of `Allow`.
    pub allow: Option<HeaderValue>,
    /// The value of `Retry-After`.
    pub retry_after_seconds: Option<u32>,
    /// True if the response says that bodies may be compressed with gzip.
    pub accepts_gzip: bool,
    /// The violations of the body, each with its JSON pointer.
    pub violations: Vec<Violation>,
}

impl RefusedCall {
    /// A refusal with a status, code and description.
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> RefusedCall {
        let detail = detail.into();
        let violations = vec![];
        let (fix, allow, retry_after_seconds) = (None, None, None);
        RefusedCall { status, code, detail, fix, allow, retry_after_seconds, accepts_gzip: false, violations }
    }

    fn fix(self, fix: impl Into<String>) -> RefusedCall {
        RefusedCall { fix: Some(fix.into()), ..self }
    }

    fn later(self) -> RefusedCall {
        RefusedCall { retry_after_seconds: Some(RETRY_AFTER_SECONDS), ..self }
    }

    /// The refusal of a host that shuts down.
    pub fn stopping() -> RefusedCall {
        RefusedCall::new(StatusCode::SERVICE_UNAVAILABLE, "run_shutting_down", "the host is shutting down")
    }

    /// The problem document for a plugin that called.
    pub fn into_answer(self) -> Response<ServiceBody> {
        // Plugins read the code; the remedies are for people.
        let RefusedCall { status, code, detail, fix: _, allow, retry_after_seconds, accepts_gzip, violations } = self;
        let mut response = host_services::problem(status, code, &detail, &violations);
        let headers = response.headers_mut();
        if let Some(allow) = allow {
            headers.insert(header::ALLOW, allow);
        }
        if let Some(seconds) = retry_after_seconds {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if accepts_gzip {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }

    /// The refusal of a request that no generation of `id` admits.
    pub fn admission(refusal: AdmissionRefusal, id: &str) -> RefusedCall {
        let id = shown(id);
        match refusal {
            AdmissionRefusal::Unknown if id.is_empty() => {
                let detail = "the path contains no plugin id; it must be /api/plugin-endpoints/<id>/<path>";
                RefusedCall::new(StatusCode::NOT_FOUND, "plugin_unknown", detail)
            }
            AdmissionRefusal::Unknown => {
                let detail = format!("no plugin `{id}` is installed");
                RefusedCall::new(StatusCode::NOT_FOUND, "plugin_unknown", detail).fix(
                    "check the id behind /api/plugin-endpoints/, also its upper and lower case; /openapi.json lists the endpoints",
                )
            }
            AdmissionRefusal::CircuitOpen => {
                let detail =
                    format!("plugin `{id}` fails its health probes; calls are accepted again when a probe passes");
                RefusedCall::new(StatusCode::SERVICE_UNAVAILABLE, "plugin_unhealthy", detail).later()
            }
            AdmissionRefusal::NotServing(phase) => {
                let detail = match phase {
                    Phase::Stopped | Phase::Draining => format!("plugin `{id}` is stopped or disabled"),
                    Phase::Failed => format!("plugin `{id}` failed to start; the host retries"),
                    Phase::Quarantined => {
                        format!("plugin `{id}` is quarantined until an operator enables, starts or restarts it")
                    }
                    _ => format!("plugin `{id}` does not serve yet: {}", phase.as_str()),
                };
                RefusedCall::new(StatusCode::SERVICE_UNAVAILABLE, "plugin_not_serving", detail).later()
            }
        }
    }

    /// The refusal of a request that matches no endpoint of `id`.
    pub fn route(refusal: RouteRefusal, id: &str) -> RefusedCall {
        match refusal {
            RouteRefusal::NotFound(near) => {
                let detail = format!("plugin `{}` has no such endpoint", shown(id));
                let fix = match near {
                    Some(near) => format!("did you mean /api/plugin-endpoints/{id}{near}?"),
                    None => "/openapi.json lists the endpoints of each plugin".to_owned(),
                };
                RefusedCall::new(StatusCode::NOT_FOUND, "endpoint_unknown", detail).fix(fix)
            }
            RouteRefusal::Method(allow) => {
                let detail = format!("the endpoint accepts {}", allow.to_str().unwrap_or_default());
                let refused = RefusedCall::new(StatusCode::METHOD_NOT_ALLOWED, "endpoint_method", detail);
                RefusedCall { allow: Some(allow), ..refused }
            }
            RouteRefusal::BadPath(problem) => {
                RefusedCall::new(StatusCode::BAD_REQUEST, "endpoint_path", problem.to_string())
            }
        }
    }

    /// The refusal of a call that the plugin did not answer.
    pub fn call(refusal: &CallRefusal) -> RefusedCall {
        match refusal {
            CallRefusal::BodyTooLarge(max) => RefusedCall::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                format!("the endpoint accepts a body of at most {}", Size::new(*max)),
            ),
            CallRefusal::BodyIncomplete(reason) => RefusedCall::new(
                StatusCode::BAD_REQUEST,
                "body_incomplete",
                format!("failed to read the body: {reason}"),
            ),
            CallRefusal::BodyNotGzip => {
                RefusedCall::new(StatusCode::BAD_REQUEST, "body_not_gzip", "the body is not valid gzip")
            }
            CallRefusal::BodyEncoding => {
                let detail = "the body has a `Content-Encoding` that is not decoded here; the endpoint accepts gzip";
                let refused = RefusedCall::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body_encoding", detail);
                RefusedCall { accepts_gzip: true, ..refused }
            }
            CallRefusal::BodyTimedOut(after) => RefusedCall::new(
                StatusCode::REQUEST_TIMEOUT,
                "body_timed_out",
                format!("the body did not arrive within {}", Span::new(*after)),
            ),
            CallRefusal::Cancelled => RefusedCall::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "plugin_replaced",
                "the plugin was replaced, and this call exceeded the drain timeout",
            )
            .later(),
            CallRefusal::Rule(refusal) => RefusedCall::rule(refusal),
            CallRefusal::UpgradeRequired => RefusedCall::new(
                StatusCode::UPGRADE_REQUIRED,
                "upgrade_required",
                "the endpoint serves WebSockets only, and the request does not open one",
            ),
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
                    "the plugin's response is invalid",
                ),
                CallError::TimedOut { .. } => {
                    RefusedCall::new(StatusCode::GATEWAY_TIMEOUT, "plugin_timed_out", error.to_string())
                }
            },
        }
    }
}

impl RefusedCall {
    /// The refusal of a request that breaks a rule of plugin.yaml.
    fn rule(refusal: &RuleRefusal) -> RefusedCall {
        match refusal {
            RuleRefusal::RateLimited(wait) => {
                // Rounded up to whole seconds, at least one: a client that waits this long is admitted.
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                let retry_after_seconds = Some(u32::try_from(seconds.max(1)).unwrap_or(u32::MAX));
                let detail = "the client has exceeded the rate limit of the endpoint";
                let refused = RefusedCall::new(StatusCode::TOO_MANY_REQUESTS, "endpoint_rate_limit", detail);
                RefusedCall { retry_after_seconds, ..refused }
            }
            RuleRefusal::ContentType(detail) => {
                RefusedCall::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "endpoint_content_type", detail)
            }
            RuleRefusal::BodyNotJson(reason) => {
                let detail = format!("the body is not JSON: {reason}");
                RefusedCall::new(StatusCode::BAD_REQUEST, "endpoint_body_not_json", detail)
            }
            RuleRefusal::BodyDoesNotFit(violations) => {
                let shown = violations.iter().take(MAX_SHOWN).map(ToString::to_string).collect::<Vec<_>>().join("; ");
                let more = match violations.len().saturating_sub(MAX_SHOWN) {
                    0 => String::new(),
                    more => format!("; and {more} more"),
                };
                let detail = format!("the body does not match what the endpoint requires: {shown}{more}");
                let refused = RefusedCall::new(StatusCode::UNPROCESSABLE_ENTITY, "endpoint_body_does_not_fit", detail);
                RefusedCall { violations: violations.clone(), ..refused }
            }
        }
    }
}

/// The id that a caller sent, without control characters and at most 60 characters.
fn shown(id: &str) -> String {
    host_core::shown(id, 60)
}
