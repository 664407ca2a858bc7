//! From what the host says to what a client is told: one page.

use host_api::FieldError;
use host_run::{Error, RefusedCall};
use http::StatusCode;

use crate::problem::Refused;

pub(crate) fn of_operation(error: &Error) -> Refused {
    let code = error.code();
    let status = match error {
        Error::UnknownPlugin { .. } | Error::UnknownUpload { .. } => StatusCode::NOT_FOUND,
        Error::Source(_) => StatusCode::BAD_REQUEST,
        Error::ShuttingDown | Error::TooManyKept { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Error::Panicked | Error::State(_) => StatusCode::INTERNAL_SERVER_ERROR,
        Error::Load(_) if code == "load_trial_failed" => StatusCode::INTERNAL_SERVER_ERROR,
        Error::OtherPlugin { .. } | Error::Disabled { .. } => StatusCode::CONFLICT,
        Error::Manifest { .. } | Error::Placement { .. } | Error::Load(_) | Error::Unhealthy { .. } => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Error::Hook { .. } | Error::ConfigurationRefused { .. } => StatusCode::UNPROCESSABLE_ENTITY,
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
            let problems = build.schema_problems().iter();
            let problems = problems.map(|problem| (problem.pointer.clone(), problem.message.clone()));
            refused.errors.extend(problems.map(|(pointer, message)| FieldError { pointer, message }));
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

/// A call of a plugin that the plugin gave no answer to.
pub(crate) fn of_call(refused: RefusedCall) -> Refused {
    let mut answer = Refused::new(refused.status, refused.code, refused.detail);
    answer.allow = refused.allow;
    match refused.retry_after_seconds {
        Some(seconds) => answer.retry_after(seconds),
        None => answer,
    }
}
