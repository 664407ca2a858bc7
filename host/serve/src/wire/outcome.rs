//! Results and failures of operations: from the types of the host to responses and errors.

use std::sync::Arc;

use host_api as api;
use host_api::FieldError;
use host_call::RefusedCall;
use host_core::configuration::Violation;
use host_run::{
    Error, Failed, FailureKind, FieldProblem, JobView, OperationPart, PartState, Receipt, Served, StepReport,
};
use http::StatusCode;

use crate::wire::problem::{AcceptedCoding, ApiError};

/// The time, in seconds, after which a client may repeat a request that was refused because the host is busy.
const RETRY_AFTER: u32 = 5;

impl From<Error> for ApiError {
    fn from(error: Error) -> ApiError {
        ApiError::from(&error)
    }
}

impl From<&Error> for ApiError {
    fn from(error: &Error) -> ApiError {
        ApiError::from(&Failed::from_error(error))
    }
}

impl From<Arc<Error>> for ApiError {
    fn from(error: Arc<Error>) -> ApiError {
        ApiError::from(&*error)
    }
}

impl From<&Failed> for ApiError {
    fn from(failed: &Failed) -> ApiError {
        let problems = failed.problems.iter();
        let error =
            |problem: &FieldProblem| FieldError { pointer: problem.field.clone(), message: problem.message.clone() };
        ApiError {
            fix: failed.fix.clone(),
            errors: problems.map(error).collect(),
            parts: failed.parts.iter().map(part).collect(),
            retry_after_seconds: (failed.kind == FailureKind::Busy).then_some(RETRY_AFTER),
            ..ApiError::new(status(failed.kind), failed.code.clone(), failed.message.clone())
        }
    }
}

fn status(kind: FailureKind) -> StatusCode {
    match kind {
        FailureKind::Malformed => StatusCode::BAD_REQUEST,
        FailureKind::Forbidden => StatusCode::FORBIDDEN,
        FailureKind::NotFound => StatusCode::NOT_FOUND,
        FailureKind::Conflict => StatusCode::CONFLICT,
        FailureKind::Stale => StatusCode::PRECONDITION_FAILED,
        FailureKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        FailureKind::Refused => StatusCode::UNPROCESSABLE_ENTITY,
        FailureKind::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        FailureKind::Full => StatusCode::INSUFFICIENT_STORAGE,
        FailureKind::Busy => StatusCode::SERVICE_UNAVAILABLE,
        FailureKind::TimedOut => StatusCode::GATEWAY_TIMEOUT,
    }
}

impl From<RefusedCall> for ApiError {
    fn from(refused: RefusedCall) -> ApiError {
        let errors = refused.violations.into_iter();
        let errors = errors.map(|Violation { pointer, message }| FieldError { pointer, message });
        ApiError {
            fix: refused.fix,
            allow: refused.allow,
            accept_encoding: refused.accepts_gzip.then_some(AcceptedCoding::Gzip),
            errors: errors.collect(),
            retry_after_seconds: refused.retry_after_seconds,
            ..ApiError::new(refused.status, refused.code, refused.detail)
        }
    }
}

/// The result of an operation that a job has completed.
pub(crate) fn operation_result(receipt: &Receipt, job: &JobView) -> api::OperationResult {
    let result = result_of_receipt(receipt, &job.operation);
    let upload_id = (job.operation == "install").then(|| job.subject.clone());
    api::OperationResult { job: job.id.clone(), upload_id, ..result }
}

/// The result in a receipt of this operation.
fn result_of_receipt(receipt: &Receipt, operation: &str) -> api::OperationResult {
    let id = receipt.id.as_ref().map(ToString::to_string).unwrap_or_default();
    let n_done = receipt.parts.iter().filter(|part| part.state == PartState::Done).count();
    let message = match (operation, receipt.generation) {
        ("apply" | "batch", _) if receipt.id.is_none() => match receipt.parts.len() {
            0 => "nothing to do".to_owned(),
            n_parts => format!("{n_done} of {n_parts} operations are done"),
        },
        ("apply", None) => format!("plugin {id} {} is not running, as planned", receipt.version),
        ("unload", _) => format!("plugin {id} is unloaded"),
        ("set_update_policy" | "block_version", _) if receipt.reason.is_some() => {
            format!("nothing changed: {} for plugin {id}", receipt.reason.as_deref().unwrap_or_default())
        }
        ("set_update_policy" | "block_version", _) => format!("the update policy of plugin {id} was changed"),
        ("update", Some(_)) if receipt.reason.is_some() && receipt.generation_before == receipt.generation => {
            format!("plugin {id} {} is the newest version that the update policy allows", receipt.version)
        }
        ("rollback", Some(generation)) => {
            format!("plugin {id} was rolled back to {}, which serves as generation {generation}", receipt.version)
        }
        ("restore", None) => format!("plugin {id} {} was restored and is not running", receipt.version),
        ("stop", None) => format!("plugin {id} is stopped"),
        ("load" | "install", None) => format!("plugin {id} {} is installed and not running", receipt.version),
        ("configure", Some(generation)) if receipt.generation_before == Some(generation) => {
            format!("plugin {id} applied the configuration; generation {generation} keeps serving")
        }
        ("configure", None) => format!("plugin {id} will use the configuration when it is started"),
        (_, Some(generation)) => format!("plugin {id} {} serves as generation {generation}", receipt.version),
        (_, None) => format!("plugin {id} is disabled"),
    };
    api::OperationResult {
        message,
        id,
        source: receipt.source.clone(),
        version: receipt.version.clone(),
        commit: receipt.commit.clone(),
        tag: receipt.reference.as_deref().and_then(tag_name),
        reference: receipt.reference.clone(),
        generation_before: receipt.generation_before,
        generation: receipt.generation,
        revision: receipt.revision,
        served: receipt.served.iter().map(served).collect(),
        cached: receipt.cached,
        warnings: receipt.warnings.clone(),
        states: receipt.states.iter().map(ToString::to_string).collect(),
        reason: receipt.reason.clone(),
        steps: receipt.steps.iter().map(step).collect(),
        parts: receipt.parts.iter().map(part).collect(),
        job: String::new(),
        upload_id: None,
    }
}

/// The result of one operation of a batch or plan.
pub(crate) fn part(part: &OperationPart) -> api::OperationPart {
    api::OperationPart {
        operation: part.operation.clone().into_owned(),
        subject: part.subject.clone(),
        state: part.state.as_str().to_owned(),
        result: part.receipt.as_ref().map(|receipt| result_of_receipt(receipt, &part.operation)),
        problem: part.problem.as_ref().map(|failed| ApiError::from(failed).problem("", "")),
    }
}

/// The name of the tag, if the reference is a tag.
pub(crate) fn tag_name(reference: &str) -> Option<String> {
    reference.strip_prefix("refs/tags/").map(str::to_owned)
}

fn served(served: &Served) -> api::GenerationRequests {
    api::GenerationRequests {
        generation: served.generation,
        requests: served.requests,
        errors: served.errors,
        in_flight: served.in_flight,
    }
}

pub(crate) fn step(step: &StepReport) -> api::JobStep {
    api::JobStep { step: step.step.clone().into_owned(), duration_ms: step.duration_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_host_names_the_time_after_which_to_retry() {
        let refused = ApiError::from(Error::Looking);
        assert_eq!((refused.status.as_u16(), &*refused.code), (503, "run_busy_looking"));
        assert_eq!((refused.retry_after_seconds, refused.fix.as_deref()), (Some(5), Some("retry in a moment")));
        assert_eq!(ApiError::from(Error::UnknownPlugin { id: "a".to_owned() }).retry_after_seconds, None);
    }
}
