//! The states of a job and their transitions.

use std::fmt;
use std::str::FromStr;

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    /// The job waits for its turn.
    Queued,
    /// The job runs.
    Running,
    /// Completed successfully.
    Done,
    /// The job failed; the version that served before still serves.
    Failed,
    /// The operator cancelled the job.
    Cancelled,
    /// Exceeded the time limit of its request.
    TimedOut,
    /// Replaced by a later change of the same plugin.
    Superseded,
}

/// A transition of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEvent {
    /// The job starts to run.
    Started,
    /// The job has ended with this state.
    Ended(JobState),
    /// The host stopped while the job ran, and the restarted host resumes it.
    TakenUp,
}

impl JobState {
    /// All states, in the order of a job's life.
    pub const ALL: [JobState; 7] = [
        JobState::Queued,
        JobState::Running,
        JobState::Done,
        JobState::Failed,
        JobState::Cancelled,
        JobState::TimedOut,
        JobState::Superseded,
    ];

    /// The stable name for clients, the state on disk and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            JobState::Queued => "queued",
            JobState::Running => "running",
            JobState::Done => "done",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
            JobState::TimedOut => "timed_out",
            JobState::Superseded => "superseded",
        }
    }

    /// Returns whether the job has ended.
    pub fn is_ended(self) -> bool {
        !matches!(self, JobState::Queued | JobState::Running)
    }

    /// Returns whether a retry makes sense: the job has ended without success.
    pub fn is_retryable(self) -> bool {
        self.is_ended() && self != JobState::Done
    }

    /// Returns the state after an event; `None` if the event is not possible in this state.
    pub fn after(self, event: JobEvent) -> Option<JobState> {
        match (self, event) {
            (JobState::Queued, JobEvent::Started) => Some(JobState::Running),
            (JobState::Queued | JobState::Running, JobEvent::Ended(state)) => state.is_ended().then_some(state),
            (JobState::Queued | JobState::Running, JobEvent::TakenUp) => Some(JobState::Queued),
            _ => None,
        }
    }
}

/// The error for a text that is not a job state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a job state must be one of {}", words())]
pub struct JobStateError;

impl FromStr for JobState {
    type Err = JobStateError;

    fn from_str(text: &str) -> Result<JobState, JobStateError> {
        JobState::ALL.into_iter().find(|state| state.as_str() == text).ok_or(JobStateError)
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn words() -> String {
    JobState::ALL.map(|state| format!("`{state}`")).join(", ")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_transitions_of_a_job_in_each_state() {
        use JobState::{Cancelled, Done, Failed, Queued, Running, Superseded, TimedOut};
        let events = [
            JobEvent::Started,
            JobEvent::Ended(Done),
            JobEvent::Ended(Failed),
            JobEvent::Ended(Cancelled),
            JobEvent::Ended(TimedOut),
            JobEvent::Ended(Superseded),
            JobEvent::Ended(Queued),
            JobEvent::Ended(Running),
            JobEvent::TakenUp,
        ];
        let row = |state: JobState| {
            let after = events.map(|event| state.after(event).map_or("-", JobState::as_str));
            format!("{state}: {}\n", after.join(" "))
        };
        expect![[r#"
            queued: running done failed cancelled timed_out superseded - - queued
            running: - done failed cancelled timed_out superseded - - queued
            done: - - - - - - - - -
            failed: - - - - - - - - -
            cancelled: - - - - - - - - -
            timed_out: - - - - - - - - -
            superseded: - - - - - - - - -
        "#]]
        .assert_eq(&JobState::ALL.map(row).concat());
    }

    #[test]
    fn only_jobs_that_ended_without_success_can_be_retried() {
        let retryable = JobState::ALL.into_iter().filter(|state| state.is_retryable()).map(JobState::as_str);
        assert_eq!(retryable.collect::<Vec<_>>(), ["failed", "cancelled", "timed_out", "superseded"]);
    }

    #[test]
    fn a_state_parses_the_text_it_displays() {
        for state in JobState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        let error = "Done".parse::<JobState>().unwrap_err().to_string();
        assert!(error.starts_with("a job state must be one of `queued`, `running`"), "{error}");
    }
}
