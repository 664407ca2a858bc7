//! From what the host says to what a client is told: one page.

use host_api::FieldError;
use host_run::{CallError, CallRefusal, Error, Phase, Refusal, RouteRefusal};
use http::StatusCode;

use crate::problem::Refused;

/// How long a caller should wait before it asks a plugin again that does not serve now.
const RETRY_AFTER_SECONDS: u32 = 1;

pub(crate) fn of_operation(error: &Error) -> Refused {
    let code = error.code();
    let status = match error {
        Error::UnknownPlugin { .. } | Error::UnknownUpload { .. } => StatusCode::NOT_FOUND,
        Error::Source(_) => StatusCode::BAD_REQUEST,
        Error::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        Error::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        Error::OtherPlugin { .. } | Error::Disabled { .. } => StatusCode::CONFLICT,
        Error::Manifest { .. } | Error::Placement { .. } | Error::Load(_) | Error::Unhealthy { .. } => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Error::Fetch(_) | Error::Build(_) | Error::Store(_) => of_code(code),
    };
    let mut refused = Refused::new(status, code, error.chain());
    refused.fix = error.fix();
    match error {
        Error::Manifest { problems } => {
            refused.errors = problems
                .iter()
                .map(|problem| FieldError { pointer: problem.field.clone(), message: problem.to_string() })
                .collect();
        }
        Error::Build(build) => {
            if let Some(output) = build.compiler_output() {
                let message = output.to_owned();
                refused.errors = vec![FieldError { pointer: "cargo".to_owned(), message }];
            }
        }
        _ => {}
    }
    refused
}

/// The rooms below name what happened by a word; this says whose fault it is.
fn of_code(code: &str) -> StatusCode {
    match code {
        "store_io" | "store_random" | "fetch_io" | "build_io" | "build_no_toolchain" | "build_process" => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        "build_queue_full" | "build_queue_timeout" | "build_stopping" => StatusCode::SERVICE_UNAVAILABLE,
        "fetch_outside_roots" => StatusCode::FORBIDDEN,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

pub(crate) fn of_admission(refusal: Refusal, id: &str) -> Refused {
    match refusal {
        Refusal::Unknown => {
            Refused::new(StatusCode::NOT_FOUND, "plugin_unknown", format!("no plugin `{}` is installed", shown(id)))
        }
        Refusal::NotServing(phase) => {
            let detail = match phase {
                Phase::Stopped | Phase::Draining => format!("plugin `{}` is disabled", shown(id)),
                _ => format!("plugin `{}` does not serve yet: {}", shown(id), phase.as_str()),
            };
            Refused::new(StatusCode::SERVICE_UNAVAILABLE, "plugin_not_serving", detail).retry_after(RETRY_AFTER_SECONDS)
        }
    }
}

pub(crate) fn of_route(refusal: RouteRefusal, id: &str) -> Refused {
    match refusal {
        RouteRefusal::NotFound => Refused::new(
            StatusCode::NOT_FOUND,
            "endpoint_unknown",
            format!("plugin `{}` has no such endpoint", shown(id)),
        ),
        RouteRefusal::Method(allow) => {
            let detail = format!("the endpoint takes {}", allow.to_str().unwrap_or_default());
            let mut refused = Refused::new(StatusCode::METHOD_NOT_ALLOWED, "endpoint_method", detail);
            refused.allow = Some(allow);
            refused
        }
        RouteRefusal::BadPath => Refused::new(
            StatusCode::BAD_REQUEST,
            "endpoint_path",
            "the path holds a dot segment, an encoded separator, or bytes that are not UTF-8",
        ),
    }
}

/// What the caller is told; the operator finds more under the request id.
pub(crate) fn of_call(refusal: &CallRefusal) -> Refused {
    match refusal {
        CallRefusal::BodyTooLarge(max) => Refused::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("the endpoint takes a body of at most {max} bytes"),
        ),
        CallRefusal::BodyIncomplete(reason) => {
            Refused::new(StatusCode::BAD_REQUEST, "body_incomplete", format!("the body could not be read: {reason}"))
        }
        CallRefusal::BodyTimedOut(after) => Refused::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timed_out",
            format!("the body did not arrive within {} s", after.as_secs_f64()),
        ),
        CallRefusal::Cut => Refused::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "plugin_replaced",
            "the plugin was replaced, and this call took longer than its drain",
        )
        .retry_after(RETRY_AFTER_SECONDS),
        CallRefusal::Failed(error) => match error {
            CallError::Panicked(_) => {
                Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "plugin_panicked", "the plugin panicked")
            }
            CallError::Failed(_) => {
                Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "plugin_failed", "the plugin failed")
            }
            CallError::Invalid(_) => {
                Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "plugin_bad_answer", "the plugin's answer is invalid")
            }
            CallError::TimedOut { .. } => {
                Refused::new(StatusCode::GATEWAY_TIMEOUT, "plugin_timed_out", error.to_string())
            }
        },
    }
}

/// An id of a caller's, made fit for a sentence.
fn shown(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).take(60).collect()
}
