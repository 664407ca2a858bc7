//! Jobs: operations that can be watched, awaited, cancelled and looked up afterwards.

mod record;
#[cfg(test)]
mod tests;
mod work;

use std::borrow::Cow;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use host_call::{LogLine, LogLines, now_unix_ms};
use host_core::PluginId;
use host_core::job::JobState;
use parking_lot::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

use crate::jobs::JobView;
use crate::jobs::course::JobCourse;
use crate::model::{Error, Failed, FirstLoad, Initiator, JobError, Receipt, StepReport};

pub(crate) use record::end_record;

/// The log lines of a running job in memory.
const MAX_LINES: usize = 5_000;
/// An operation that is queued, running or ended.
pub struct Job {
    id: String,
    operation: &'static str,
    subject: String,
    initiator: Initiator,
    attempt: u64,
    retry_of: Option<String>,
    created_unix_ms: u64,
    /// The request, as it is stored in the state database.
    request: String,
    /// Whether the change of the job is committed to the state database.
    committed: AtomicBool,
    log: LogLines,
    progress: Mutex<Progress>,
    course: JobCourse,
    result: OnceLock<Result<Receipt, Arc<Error>>>,
    /// Cancelled once there is a result.
    over: CancellationToken,
}

/// The parts of a [`Job`].
pub(crate) struct JobParts {
    pub(crate) id: String,
    pub(crate) operation: &'static str,
    pub(crate) subject: String,
    pub(crate) plugin: Option<PluginId>,
    pub(crate) initiator: Initiator,
    pub(crate) attempt: u64,
    pub(crate) retry_of: Option<String>,
    pub(crate) created_unix_ms: u64,
    pub(crate) request: String,
}

struct Progress {
    plugin: Option<PluginId>,
    /// The plugin, if the job installs it for the first time.
    first_load: Option<FirstLoad>,
    started_unix_ms: Option<u64>,
    ended_unix_ms: Option<u64>,
    step: Cow<'static, str>,
    /// The start of the current step; `None` while the job is queued and after its end.
    since: Option<Instant>,
    steps: Vec<StepReport>,
}

/// The end of a job, before it is visible.
pub(crate) struct Ended {
    state: JobState,
    at_unix_ms: u64,
    result: Result<Receipt, Arc<Error>>,
}

impl Job {
    pub(crate) fn new(parts: JobParts) -> Job {
        let JobParts { id, operation, subject, plugin, initiator, attempt, retry_of, created_unix_ms, request } = parts;
        let progress = Progress {
            plugin,
            first_load: None,
            started_unix_ms: None,
            ended_unix_ms: None,
            step: Cow::Borrowed("queue"),
            since: None,
            steps: vec![],
        };
        Job {
            id,
            operation,
            subject,
            initiator,
            attempt,
            retry_of,
            created_unix_ms,
            request,
            committed: AtomicBool::new(false),
            log: LogLines::new(MAX_LINES, host_store::without_folders),
            progress: Mutex::new(progress),
            course: JobCourse::new(),
            result: OnceLock::new(),
            over: CancellationToken::new(),
        }
    }

    /// A job that is not listed: a step of the host itself.
    pub(crate) fn unlisted(operation: &'static str, plugin: &PluginId) -> Job {
        Job::new(JobParts {
            id: String::new(),
            operation,
            subject: plugin.to_string(),
            plugin: Some(plugin.clone()),
            initiator: Initiator::new("host"),
            attempt: 1,
            retry_of: None,
            created_unix_ms: now_unix_ms(),
            request: String::new(),
        })
    }

    /// The id: `job_` and 16 hex digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name of the operation.
    pub(crate) fn operation(&self) -> &'static str {
        self.operation
    }

    /// The subject: a source or the id of a plugin.
    pub(crate) fn subject(&self) -> &str {
        &self.subject
    }

    /// The initiator and the conditions of the request.
    pub fn initiator(&self) -> &Initiator {
        &self.initiator
    }

    /// The current state.
    pub fn state(&self) -> JobState {
        self.course.state()
    }

    /// The plugin that the job changes, once it is known.
    pub fn plugin(&self) -> Option<PluginId> {
        self.progress().plugin.clone()
    }

    /// The job at this moment.
    pub fn view(&self) -> JobView {
        let progress = self.progress();
        let state = self.state();
        let result = self.result.get().filter(|_| state.is_ended());
        JobView {
            id: self.id.clone(),
            operation: Cow::Borrowed(self.operation),
            subject: self.subject.clone(),
            plugin: progress.plugin.as_ref().map(ToString::to_string),
            initiator: self.initiator.clone(),
            attempt: self.attempt,
            retry_of: self.retry_of.clone(),
            created_unix_ms: self.created_unix_ms,
            started_unix_ms: progress.started_unix_ms,
            ended_unix_ms: progress.ended_unix_ms,
            state,
            step: progress.step.clone(),
            steps: progress.steps.clone(),
            n_lines: self.log.n_lines(),
            result: result.map(|result| result.clone().map_err(|error| progress.failed(&error))),
        }
    }

    /// The log lines numbered `from` and higher, including the output of cargo.
    pub fn lines(&self, from: u64) -> Vec<LogLine> {
        self.log.since(from)
    }

    /// Waits for log lines numbered `from` and higher; returns none if the job or its host ends without more. Cancel
    /// safe.
    pub async fn new_lines(&self, from: u64) -> Vec<LogLine> {
        tokio::select! {
            () = self.log.reached(from) => {}
            () = self.over.cancelled() => {}
        }
        self.log.since(from)
    }

    /// Waits for the end of the job. Cancel safe: the job does not depend on a waiter.
    ///
    /// # Errors
    /// The failure of the operation; [`Error::ShuttingDown`] if the host stops before.
    pub async fn wait(&self) -> Result<Receipt, Arc<Error>> {
        self.over.cancelled().await;
        self.result.get().cloned().unwrap_or_else(|| Err(Arc::new(Error::Panicked)))
    }

    /// Cancels the job: at once while it is queued, otherwise at the next point where nothing is left incomplete.
    /// Returns whether the job has not ended and its end was not requested before. A job that has gone far enough may
    /// still succeed.
    pub fn cancel(&self) -> bool {
        self.course.want_end(JobError::Cancelled)
    }

    /// Cancels the job because the job `by` supersedes it.
    pub fn supersede(&self, by: &str) -> bool {
        self.course.want_end(JobError::Superseded { by: by.to_owned() })
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock()
    }
}

impl Progress {
    /// The failure of the job, with the plugin whose first load has failed.
    fn failed(&self, error: &Error) -> Failed {
        Failed { first_load: self.first_load.clone().map(Box::new), ..Failed::from_error(error) }
    }

    /// Adds the current step to the completed ones.
    fn end_step(&mut self, now: Instant) {
        if let Some(since) = self.since.take() {
            let micros = now.duration_since(since).as_micros();
            self.steps.push(StepReport { step: self.step.clone(), duration_ms: micros as f64 / 1e3 });
        }
    }
}
