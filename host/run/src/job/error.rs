//! What can be wrong with a job itself, whatever its operation does.

use std::time::Duration;

use host_core::job::JobState;

use crate::kind::Kind;

/// Why a job did not come to its own end, or why nothing can be done with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// The operator ended it.
    #[error("the job was cancelled; what served before still serves")]
    Cancelled,
    /// A later change of the same plugin took its place.
    #[error("job `{by}` took the place of this one; hint: look at that one")]
    Superseded {
        /// The job of that change.
        by: String,
    },
    /// It took longer than whoever asked wanted to wait.
    #[error("the job did not end within {} s, which was its limit; hint: ask for it with a longer one", after.as_secs_f64())]
    TimedOut {
        /// The limit.
        after: Duration,
    },
    /// One host after the other ended while it worked on it.
    #[error(
        "the host ended {attempts} times during this job, so it is not taken up again; hint: find out why, then retry it"
    )]
    Interrupted {
        /// How often.
        attempts: u64,
    },
    /// What it was asked to do cannot be read.
    #[error("what the job was to do cannot be read: {reason}; hint: ask for the operation again")]
    Unreadable {
        /// Why not.
        reason: String,
    },
    /// No job of that id is remembered.
    #[error("no job `{id}` is remembered; hint: `plugin-host jobs` shows those that are")]
    Unknown {
        /// The id, without control characters and cut.
        id: String,
    },
    /// It has ended, so that it cannot be ended.
    #[error("job `{id}` is {state}; hint: there is nothing left to cancel")]
    Ended {
        /// The job.
        id: String,
        /// How it ended.
        state: JobState,
    },
    /// It has not ended, or did what was asked.
    #[error("job `{id}` is {state}; hint: only what has ended and is not done can be retried")]
    NotRetryable {
        /// The job.
        id: String,
        /// Where it is.
        state: JobState,
    },
    /// What it was asked to do was too large to be kept.
    #[error("what job `{id}` was to do is not kept any more; hint: ask for the operation again")]
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
    pub fn kind(&self) -> Kind {
        match self {
            JobError::TimedOut { .. } => Kind::TimedOut,
            JobError::Interrupted { .. } | JobError::Unreadable { .. } => Kind::Broken,
            JobError::Unknown { .. } => Kind::NotFound,
            JobError::Cancelled
            | JobError::Superseded { .. }
            | JobError::Ended { .. }
            | JobError::NotRetryable { .. }
            | JobError::NotKept { .. } => Kind::Conflict,
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
