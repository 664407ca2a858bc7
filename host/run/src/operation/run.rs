//! The execution of an operation: run, cancelled on request, published and stored.

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt as _;
use host_core::event::EventKind;
use host_core::plan::Step;
use host_core::{PluginId, Span};

use crate::jobs::{Job, state_of};
use crate::model::{Error, Operation, Receipt};
use crate::operation::lease::PluginLease;
use crate::operation::work::Work;
use crate::state::{Host, Lease};

/// Runs an operation to its end and ends its job.
pub(crate) async fn run(host: Host, operation: Operation, job: Arc<Job>) {
    let name = operation.name();
    let subject = operation.subject();
    let started = Instant::now();
    let result = work(&host, operation, &job).await.filter(|result| !result.as_ref().is_err_and(is_interruption));
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let outcome = result.as_ref().map_or("interrupted", |result| state_of(result).as_str());
    match &result {
        None => {
            tracing::warn!(
                job = job.id(),
                duration_ms,
                "{name} of `{subject}` is resumed at the next start of the host"
            )
        }
        Some(Ok(receipt)) => {
            let n_parts = receipt.parts.len();
            let generation = receipt.generation.unwrap_or(0);
            match (&receipt.id, receipt.generation) {
                (None, _) => tracing::info!(job = job.id(), duration_ms, "{name} of {n_parts} parts has ended"),
                (Some(id), Some(_)) => {
                    tracing::info!(plugin.id = %id, generation, duration_ms, "{name}: `{id}` now serves generation {generation}")
                }
                (Some(id), None) => tracing::info!(plugin.id = %id, duration_ms, "{name}: `{id}` is not running"),
            }
        }
        Some(Err(error)) => {
            tracing::error!(code = error.code(), duration_ms, "{name} of `{subject}` {outcome}: {}", error.chain());
        }
    }
    host.0.metrics.operation(name, outcome, started.elapsed());
    match result {
        Some(result) => {
            let error = result.as_ref().err();
            host.publish_for_job(
                &job,
                EventKind::JobEnded {
                    operation: name.into(),
                    outcome: outcome.into(),
                    code: error.map(|error| error.code().into()),
                    error: error.map(|error| error.chain().into()),
                    took: started.elapsed(),
                },
            );
            host.end_job(&job, result).await;
        }
        None => {
            // The log is stored, so that readers can continue with the next attempt.
            host.note_job(&job, Some(job.kept_log())).await;
            job.interrupt();
        }
    }
}

/// Works until the operation has ended or its job is cancelled; `None` if the host stops before.
async fn work(host: &Host, operation: Operation, job: &Arc<Job>) -> Option<Result<Receipt, Error>> {
    let mut work = Work::new(host, job);
    // A panic here is a defect of the host; the clients that wait must still learn that the operation has ended.
    let mut working = pin!(std::panic::AssertUnwindSafe(work.run(operation)).catch_unwind());
    let mut timeout = pin!(async {
        match job.initiator().timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    });
    let mut noting = pin!(async {
        job.has_started().await;
        let operation = job.operation().into();
        let subject = job.subject().into();
        host.publish_for_job(job, EventKind::JobStarted { operation, subject });
        host.note_job(job, None).await;
        host_fail::point("job.started");
    });
    let mut is_timed_out = false;
    let mut is_noted = false;
    loop {
        tokio::select! {
            // A finished operation is reported even while the host stops.
            biased;
            result = &mut working => return Some(result.unwrap_or(Err(Error::Panicked))),
            reason = job.cancelled() => return Some(Err(reason.into())),
            () = host.0.stopping.cancelled() => return None,
            () = &mut timeout, if !is_timed_out => {
                job.time_out();
                is_timed_out = true;
            }
            () = &mut noting, if !is_noted => is_noted = true,
        }
    }
}

/// Returns whether an operation failed only because the host stops.
pub(super) fn is_interruption(error: &Error) -> bool {
    match error {
        Error::ShuttingDown | Error::State(host_state::Error::Closed) => true,
        Error::Build(error) | Error::BuildOfSource { source: error, .. } => error.code() == "build_stopping",
        _ => false,
    }
}

/// Runs a step of the reconcile loop. A failure is recorded with the plugin, and the step is retried at its time.
pub(crate) async fn run_planned_step(host: &Host, turn: Lease, id: &PluginId, step: Step) {
    let name = step.name();
    let job = Arc::new(Job::unlisted(name, id));
    let Some(lease) = PluginLease::new(host, &job, id, turn) else { return };
    let started = Instant::now();
    let mut work = Work::new(host, &job);
    let done = std::panic::AssertUnwindSafe(work.run_planned_step(lease.clone(), step)).catch_unwind().await;
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let now_ms = host.0.reconcile.now_ms();
    let done = done.unwrap_or(Err(Error::Panicked));
    if !done.as_ref().is_err_and(is_interruption) {
        host.audit_own(name, id, done.as_ref().err()).await;
    }
    match done {
        Ok(()) => {
            let generation = lease.serving_number().unwrap_or(0);
            match generation {
                0 => tracing::info!(plugin.id = %id, duration_ms, "{name}: `{id}` is not running, as desired"),
                _ => {
                    tracing::info!(plugin.id = %id, generation, duration_ms, "{name}: `{id}` serves generation {generation}")
                }
            }
        }
        Err(Error::ShuttingDown) => {}
        Err(error) => {
            let mut state = lease.plugin.state();
            state.attempts.failed(now_ms, &host.config().patience);
            let wait_ms = state.attempts.retry_at_ms.unwrap_or(now_ms).saturating_sub(now_ms);
            drop(state);
            tracing::error!(
                plugin.id = %id, code = error.code(), duration_ms, wait_ms,
                "{name} of `{id}` failed and is retried in {}: {}", Span::from_ms(wait_ms as f64), error.chain()
            );
        }
    }
}
