//! Jobs and the results of operations.

use host_api as api;
use host_core::configuration::Change;
use host_run::{BuildKind, JobView};

use crate::wire::outcome::{operation_result, step};
use crate::wire::problem::ApiError;

pub(crate) fn job(view: &JobView) -> api::Job {
    let (result, problem) = match &view.result {
        None => (None, None),
        Some(Ok(receipt)) => (Some(operation_result(receipt, view)), None),
        Some(Err(failed)) => (None, Some(ApiError::from(failed).problem("", &format!("/api/jobs/{}", view.id)))),
    };
    api::Job {
        id: view.id.clone(),
        operation: view.operation.clone().into_owned(),
        subject: view.subject.clone(),
        plugin: view.plugin.clone(),
        state: view.state.as_str().to_owned(),
        step: view.step.clone().into_owned(),
        steps: view.steps.iter().map(step).collect(),
        lines: view.n_lines,
        actor: view.initiator.actor.clone(),
        reason: view.initiator.reason.clone(),
        on_conflict: view.initiator.on_conflict.as_str().to_owned(),
        timeout_seconds: view.initiator.timeout.map(|timeout| timeout.as_secs_f64()),
        attempt: view.attempt,
        retry_of: view.retry_of.clone(),
        created_unix_ms: view.created_unix_ms,
        started_unix_ms: view.started_unix_ms,
        ended_unix_ms: view.ended_unix_ms,
        result,
        problem,
    }
}

/// Returns the API name of a kind of build.
pub(crate) fn build_kind(kind: BuildKind) -> &'static str {
    match kind {
        BuildKind::Cargo => "build",
        BuildKind::Cached => "cached",
        BuildKind::Library => "library",
    }
}

/// A changed setting. Secrets are masked already.
pub(crate) fn setting_change(change: Change) -> api::SettingChange {
    let Change { pointer, before, after } = change;
    api::SettingChange { pointer, before, after }
}
