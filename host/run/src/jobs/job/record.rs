//! A job as it is stored in the state database.

use std::sync::atomic::Ordering;

use host_call::now_unix_ms;
use host_core::job::JobState;
use host_state::{JobLog, JobRecord};

use super::{Ended, Job};
use crate::jobs::{outcome, state_of};
use crate::model::{Error, Failed};

/// The size of the end of the log that is stored, in bytes.
const MAX_LOG_BYTES: usize = 256 * 1024;
/// The size in bytes above which a request is not stored for a retry.
const MAX_KEPT_REQUEST_BYTES: usize = 64 * 1024;

/// The step of a stored job with a committed change: a host that resumes it performs only the remaining steps.
const COMMITTED: &str = "committed";

impl Job {
    /// The record that is written together with the change of the job.
    pub(crate) fn committed_record(&self) -> JobRecord {
        JobRecord { step: COMMITTED.to_owned(), ..self.record(None) }
    }

    /// Records that the change of the job is committed.
    pub(crate) fn has_committed(&self) {
        self.committed.store(true, Ordering::Release);
    }

    /// Returns whether the change of the job is committed, by this host process or an earlier one.
    pub(crate) fn is_committed(&self) -> bool {
        self.committed.load(Ordering::Acquire)
    }

    /// Resumes a job that an earlier host process left.
    pub(crate) fn resume_as(&self, left: &JobRecord) {
        if left.step == COMMITTED {
            self.has_committed();
        }
    }

    /// The end of the log, as it is stored.
    pub(crate) fn kept_log(&self) -> JobLog {
        let (first_line, text) = self.log.tail(MAX_LOG_BYTES);
        JobLog { first_line, text }
    }

    /// Continues the log of the previous attempt.
    pub(crate) fn continue_log(&self, log: &JobLog) {
        self.log.continue_from(log.first_line, log.text.lines());
    }

    /// The record of the job: of the current moment, or of the given end.
    pub(crate) fn record(&self, ended: Option<&Ended>) -> JobRecord {
        let view = self.view();
        let result = match ended {
            Some(ended) => Some(ended.result.clone().map_err(|error| self.progress().failed(&error))),
            None => view.result,
        };
        let state = ended.map_or(view.state, |ended| ended.state);
        let is_kept = match state {
            JobState::Done => false,
            state => !state.is_ended() || self.request.len() <= MAX_KEPT_REQUEST_BYTES,
        };
        JobRecord {
            id: view.id,
            operation: view.operation.into_owned(),
            plugin: view.plugin,
            subject: view.subject,
            actor: view.initiator.actor,
            reason: view.initiator.reason,
            on_conflict: view.initiator.on_conflict.as_str().to_owned(),
            timeout_ms: view.initiator.timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
            state,
            attempt: view.attempt,
            retry_of: view.retry_of,
            created_unix_ms: view.created_unix_ms,
            started_unix_ms: view.started_unix_ms,
            ended_unix_ms: ended.map_or(view.ended_unix_ms, |ended| Some(ended.at_unix_ms)),
            step: if self.is_committed() && !state.is_ended() { COMMITTED.to_owned() } else { view.step.into_owned() },
            steps: serde_json::to_string(&view.steps).unwrap_or_default(),
            n_lines: view.n_lines,
            request: is_kept.then(|| self.request.clone()),
            outcome: result.map(outcome::write),
        }
    }
}

/// Ends the record of a job that is not running.
pub(crate) fn end_record(record: &mut JobRecord, error: Error) {
    let result = Err(error);
    record.state = state_of(&result);
    record.ended_unix_ms = Some(now_unix_ms());
    record.outcome = Some(outcome::write(result.map_err(|error| Failed::from_error(&error))));
}
