//! What can be wrong with a job itself, whatever its operation does.

use std::time::Duration;

use host_core::job::JobState;

use crate::model::FailureKind;

/// Why a job did not come to its own end, or why nothing can be done with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The operator ended it.
    #[error("the job was cancelled; the plugin serves as before")]
    Cancelled,
    /// A later change of the same plugin took its place.
    #[error("superseded by job `{by}`; hint: follow that job instead")]
    Superseded {
        /// The job of that change.
        by: String,
    },
    /// It took longer than whoever asked wanted to wait.
    #[error("the job exceeded its time limit of {} s; hint: retry it with a longer limit", after.as_secs_f64())]
    TimedOut {
        /// The limit.
        after: Duration,
    },
    /// One host after the other ended while it worked on it.
    #[error(
        "the host stopped {attempts} times during this job, so it is not resumed again; \
         hint: find out why the host stopped, then retry the job"
    )]
    Interrupted {
        /// How often.
        attempts: u64,
    },
    /// What it was asked to do cannot be read.
    #[error("the stored request of the job cannot be read: {reason}; hint: submit the operation again")]
    Unreadable {
        /// Why not.
        reason: String,
    },
    /// No job of that id is remembered.
    #[error("unknown job `{id}`; hint: run `plugin-host jobs` to see the stored jobs")]
    Unknown {
        /// The id, without control characters and cut.
        id: String,
    },
    /// It has ended, so that it cannot be ended.
    #[error("job `{id}` has already ended ({state}); hint: nothing is left to cancel")]
    Ended {
        /// The job.
        id: String,
        /// How it ended.
        state: JobState,
    },
    /// It has not ended, or did what was asked.
    #[error("job `{id}` is {state}; hint: only a job that has ended without success can be retried")]
    NotRetryable {
        /// The job.
        id: String,
        /// Where it is.
        state: JobState,
    },
    /// What it was asked to do was too large to be kept.
    #[error("the request of job `{id}` is no longer stored; hint: submit the operation again")]
    NotKept {
        /// The job.
        id: String,
    },
}

impl JobError {
    /// A word for clients, metrics and tests. Never reworded.
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

    /// Whose fault it is.
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

    /// No job of that id; what a caller wrote is made fit for a sentence.
    pub(crate) fn unknown(id: &str) -> JobError {
        JobError::Unknown { id: id.chars().filter(|c| !c.is_control()).take(60).collect() }
    }

    /// How a job ends that ends for this reason.
    pub(crate) fn state(&self) -> JobState {
        match self {
            JobError::Cancelled => JobState::Cancelled,
            JobError::Superseded { .. } => JobState::Superseded,
            JobError::TimedOut { .. } => JobState::TimedOut,
            _ => JobState::Failed,
        }
    }
}
