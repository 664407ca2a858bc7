//! Errors about a job itself, whatever its operation does.

use std::time::Duration;

use host_core::Span;
use host_core::job::JobState;

use crate::model::FailureKind;

/// The reason why a job ended early, or cannot be cancelled or retried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants and their fields")]
pub enum JobError {
    #[error("the job was cancelled; the plugin serves as before")]
    Cancelled,
    #[error("superseded by job `{by}`; hint: follow that job instead")]
    Superseded { by: String },
    #[error("the job exceeded its time limit of {}; hint: retry it with a longer limit", Span::new(*after))]
    TimedOut { after: Duration },
    #[error(
        "the host stopped {attempts} times during this job, so it is not resumed again; \
         hint: find out why the host stopped, then retry the job"
    )]
    Interrupted { attempts: u64 },
    #[error("the stored request of the job cannot be read: {reason}; hint: submit the operation again")]
    Unreadable { reason: String },
    #[error("unknown job `{id}`; hint: run `plugin-host jobs` to see the stored jobs")]
    Unknown { id: String },
    #[error("job `{id}` has already ended ({state}); hint: nothing is left to cancel")]
    Ended { id: String, state: JobState },
    #[error("job `{id}` is {state}; hint: only a job that has ended without success can be retried")]
    NotRetryable { id: String, state: JobState },
    #[error("the request of job `{id}` is no longer stored; hint: submit the operation again")]
    NotKept { id: String },
}

impl JobError {
    /// The stable error code for clients, metrics and tests.
    pub fn code(&self) -> &'static str {
        match self {
            JobError::Cancelled => "job_cancelled",
            JobError::Superseded { .. } => "job_superseded",
            JobError::TimedOut { .. } => "job_timed_out",
            JobError::Interrupted { .. } => "job_interrupted",
            JobError::Unreadable { .. } => "job_unreadable",
            JobError::Unknown { .. } => "job_unknown",
            JobError::Ended { .. } => "job_ended",
            JobError::NotRetryable { .. } | JobError::NotKept { .. } => "job_not_retryable",
        }
    }

    /// The kind of the failure.
    pub fn kind(&self) -> FailureKind {
        match self {
            JobError::TimedOut { .. } => FailureKind::TimedOut,
            JobError::Interrupted { .. } | JobError::Unreadable { .. } => FailureKind::Broken,
            JobError::Unknown { .. } => FailureKind::NotFound,
            JobError::Cancelled
            | JobError::Superseded { .. }
            | JobError::Ended { .. }
            | JobError::NotRetryable { .. }
            | JobError::NotKept { .. } => FailureKind::Conflict,
        }
    }

    /// The error for an unknown id, shortened and without control characters.
    pub(crate) fn unknown(id: &str) -> JobError {
        JobError::Unknown { id: host_core::shown(id, 60) }
    }

    /// The state of a job that ends for this reason.
    pub(crate) fn state(&self) -> JobState {
        match self {
            JobError::Cancelled => JobState::Cancelled,
            JobError::Superseded { .. } => JobState::Superseded,
            JobError::TimedOut { .. } => JobState::TimedOut,
            _ => JobState::Failed,
        }
    }
}
