//! From what the host says to what a client is told: one page.

use host_api::FieldError;
use host_core::configuration::Violation;
use host_run::{Error, Failed, FieldProblem, Kind, RefusedCall};
use http::StatusCode;

use crate::problem::Refused;
use crate::view;

/// An operation that fails now.
pub(crate) fn of_operation(error: &Error) -> Refused {
    of_failed(&Failed::of(error))
}

/// An operation that has failed, now or long ago.
pub(crate) fn of_failed(failed: &Failed) -> Refused {
    let mut refused = Refused::new(status(failed.kind), failed.code.clone(), failed.message.clone());
    refused.fix = failed.fix.clone();
    let problems = failed.problems.iter();
    let error =
        |problem: &FieldProblem| FieldError { pointer: problem.field.clone(), message: problem.message.clone() };
    refused.errors = problems.map(error).collect();
    refused.parts = failed.parts.iter().map(view::part).collect();
    refused
}

fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Malformed => StatusCode::BAD_REQUEST,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::Stale => StatusCode::PRECONDITION_FAILED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Refused => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::Full => StatusCode::INSUFFICIENT_STORAGE,
        Kind::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Kind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
    }
}

/// A call of a plugin that the plugin gave no answer to.
pub(crate) fn of_call(refused: RefusedCall) -> Refused {
    let mut answer = Refused::new(refused.status, refused.code, refused.detail);
    answer.allow = refused.allow;
    let errors = refused.violations.into_iter();
    answer.errors = errors.map(|Violation { pointer, message }| FieldError { pointer, message }).collect();
    match refused.retry_after_seconds {
        Some(seconds) => answer.retry_after(seconds),
        None => answer,
    }
}
