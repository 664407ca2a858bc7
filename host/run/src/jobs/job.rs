//! Jobs: operations that can be watched, awaited, cancelled and looked up afterwards.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use host_call::{LogLine, LogLines, now_unix_ms};
use host_core::PluginId;
use host_core::job::{JobEvent, JobState};
use host_state::{JobLog, JobRecord};
use parking_lot::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

use crate::jobs::course::JobCourse;
use crate::jobs::{CancelShield, JobView, outcome, state_of};
use crate::model::{Error, Failed, Initiator, JobError, Receipt, StepReport};

/// The log lines of a running job in memory.
const MAX_LINES: usize = 5_000;
/// The size of the end of the log that is stored, in bytes.
const MAX_LOG_BYTES: usize = 256 * 1024;
/// The size in bytes above which a request is not stored for a retry.
const MAX_KEPT_REQUEST_BYTES: usize = 64 * 1024;

/// The step of a stored job with a committed change: a host that resumes it performs only the remaining steps.
const COMMITTED: &str = "committed";

/// An operation that is queued, running or ended.
pub struct Job {
    id: String,
    operation: &'static str,
    subject: String,
    initiator: Initiator,
    attempt: u64,
    retry_of: Option<String>,
    created_unix_ms: u64,
    /// The request, as it is stored in the state.
    request: String,
    /// Whether the change of the job is committed to the state.
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
    started_unix_ms: Option<u64>,
    ended_unix_ms: Option<u64>,
    step: Cow<'static, str>,
    /// The start of the present step; `None` while the job is queued and after its end.
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

    /// The present state.
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
            result: result.map(|result| result.clone().map_err(|error| Failed::from_error(&error))),
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

    /// Cancels the job: at once while it is queued, otherwise at the next point that leaves nothing half done. Returns
    /// whether the job has not ended and its end was not requested before. A job that has gone far enough may still
    /// succeed.
    pub fn cancel(&self) -> bool {
        self.course.want_end(JobError::Cancelled)
    }

    /// Cancels the job because the job `by` supersedes it.
    pub fn supersede(&self, by: &str) -> bool {
        self.course.want_end(JobError::Superseded { by: by.to_owned() })
    }

    /// Marks the job as running. The first step does so as well.
    pub fn started(&self) {
        let mut progress = self.progress();
        if self.course.enter(JobEvent::Started) {
            progress.started_unix_ms = Some(now_unix_ms());
        }
    }

    /// The number of the attempt; the first is 1.
    pub(crate) fn attempt(&self) -> u64 {
        self.attempt
    }

    /// The time of the request, in milliseconds since the Unix epoch.
    pub(crate) fn created_unix_ms(&self) -> u64 {
        self.created_unix_ms
    }

    /// Sets the plugin that the job changes.
    pub(crate) fn set_plugin(&self, plugin: &PluginId) {
        self.progress().plugin = Some(plugin.clone());
    }

    /// Clears the plugin, because the job changes several ones or the next one is unknown.
    pub(crate) fn set_several_plugins(&self) {
        self.progress().plugin = None;
    }

    /// Shields the job from cancellation and timeout until the returned guard is dropped, for work that must not be
    /// left half done, such as the steps from the start of a generation to its swap.
    pub(crate) fn shield_from_cancel(&self) -> CancelShield<'_> {
        self.course.shield_from_cancel()
    }

    /// Checks within a shield whether the end of the job was requested.
    ///
    /// # Errors
    /// The reason to end the job.
    pub(crate) fn check_not_cancelled(&self) -> Result<(), Error> {
        self.course.wanted_end().map_or(Ok(()), |reason| Err(reason.into()))
    }

    pub(crate) fn line(&self, message: &str) {
        self.log.push("info", None, message);
    }

    pub(crate) fn enter(&self, step: impl Into<Cow<'static, str>>) {
        self.started();
        let step = step.into();
        let mut progress = self.progress();
        let now = Instant::now();
        progress.end_step(now);
        // The step `end` of a receipt only ends the previous step.
        let goes_on = step != "end";
        progress.step = step;
        progress.since = goes_on.then_some(now);
    }

    // === for the worker ===

    /// Waits until the end of the job is requested and no shield is held. Cancel safe.
    pub(crate) async fn cancelled(&self) -> JobError {
        self.course.cancelled().await
    }

    /// Waits until the end of the job is requested and only the caller holds a [`CancelShield`]. Cancel safe.
    pub(crate) async fn cancelled_in_shield(&self) -> JobError {
        self.course.cancelled_in_shield().await
    }

    /// Waits until the job is started. Cancel safe.
    pub(crate) async fn has_started(&self) {
        self.course.started().await;
    }

    /// Whether the job consists of several operations, so that a change is only a part of it.
    pub(crate) fn has_parts(&self) -> bool {
        matches!(self.operation, "apply" | "batch")
    }

    /// Whether the job is stored in the state. Steps of the host itself are not.
    pub(crate) fn is_listed(&self) -> bool {
        !self.id.is_empty()
    }

    /// The record that is written together with the change of the job.
    pub(crate) fn committed_record(&self) -> JobRecord {
        JobRecord { step: COMMITTED.to_owned(), ..self.record(None) }
    }

    /// Records that the change of the job is committed.
    pub(crate) fn has_committed(&self) {
        self.committed.store(true, Ordering::Release);
    }

    /// Whether the change of the job is committed, by this host process or an earlier one.
    pub(crate) fn is_committed(&self) -> bool {
        self.committed.load(Ordering::Acquire)
    }

    /// Resumes a job that an earlier host process left.
    pub(crate) fn resume_as(&self, left: &JobRecord) {
        if left.step == COMMITTED {
            self.has_committed();
        }
    }

    /// Requests the end of the job because its time limit has passed.
    pub(crate) fn time_out(&self) {
        if let Some(after) = self.initiator.timeout {
            self.course.want_end(JobError::TimedOut { after });
        }
    }

    /// Prepares the end; it becomes visible with [`Job::end`].
    pub(crate) fn ended(&self, result: Result<Receipt, Error>) -> Ended {
        self.progress().end_step(Instant::now());
        Ended { state: state_of(&result), at_unix_ms: now_unix_ms(), result: result.map_err(Arc::new) }
    }

    /// Ends the job and wakes the waiters.
    pub(crate) fn end(&self, ended: Ended) {
        let mut progress = self.progress();
        progress.ended_unix_ms = Some(ended.at_unix_ms);
        let _ = self.result.set(ended.result);
        self.course.enter(JobEvent::Ended(ended.state));
        drop(progress);
        self.over.cancel();
    }

    /// Wakes the waiters, because the host stops. The job has not ended: the next host resumes it.
    pub(crate) fn interrupt(&self) {
        let _ = self.result.set(Err(Arc::new(Error::ShuttingDown)));
        self.over.cancel();
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

    /// The record of the job: of the present moment, or of the given end.
    pub(crate) fn record(&self, ended: Option<&Ended>) -> JobRecord {
        let view = self.view();
        let result = match ended {
            Some(ended) => Some(ended.result.clone().map_err(|error| Failed::from_error(&error))),
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

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock()
    }
}

/// Ends the record of a job that is not running.
pub(crate) fn end_record(record: &mut JobRecord, error: Error) {
    let result = Err(error);
    record.state = state_of(&result);
    record.ended_unix_ms = Some(now_unix_ms());
    record.outcome = Some(outcome::write(result.map_err(|error| Failed::from_error(&error))));
}

impl Progress {
    /// Adds the present step to the completed ones.
    fn end_step(&mut self, now: Instant) {
        if let Some(since) = self.since.take() {
            let micros = now.duration_since(since).as_micros();
            self.steps.push(StepReport { step: self.step.clone(), duration_ms: micros as f64 / 1e3 });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(timeout: Option<std::time::Duration>) -> Job {
        Job::new(JobParts {
            id: "job_1".to_owned(),
            operation: "load",
            subject: "/srv/hello".to_owned(),
            plugin: None,
            initiator: Initiator { timeout, reason: Some("why not".to_owned()), ..Initiator::new("operator") },
            attempt: 1,
            retry_of: None,
            created_unix_ms: 5,
            request: "{}".to_owned(),
        })
    }

    #[tokio::test]
    async fn a_stored_job_equals_the_live_job() {
        let job = job(None);
        assert_eq!((job.state(), &*job.view().step), (JobState::Queued, "queue"));
        job.enter("fetch");
        job.line("fetching");
        job.set_plugin(&"hello".parse().unwrap());
        job.enter("build");
        let view = job.view();
        assert_eq!((view.state, &*view.step, view.n_lines), (JobState::Running, "build", 1));
        assert_eq!((view.steps.len(), &*view.steps[0].step), (1, "fetch"));
        assert_eq!(JobView::remembered(job.record(None)), view);

        let ended = job.ended(Err(Error::Panicked));
        let record = job.record(Some(&ended));
        assert_eq!((job.state(), record.state), (JobState::Running, JobState::Failed), "nobody is told before");
        job.end(ended);
        assert_eq!(job.wait().await.unwrap_err().code(), "run_panicked");
        let view = job.view();
        assert_eq!(JobView::remembered(record.clone()), view);
        assert_eq!(JobView::remembered(job.record(None)), view);
        assert_eq!(view.result.unwrap().unwrap_err().code, "run_panicked");
        assert_eq!(record.request.as_deref(), Some("{}"), "for a retry");
    }

    #[tokio::test]
    async fn an_interrupted_job_has_not_ended() {
        let job = job(None);
        job.enter("fetch");
        job.interrupt();
        assert_eq!(job.wait().await.unwrap_err().code(), "run_shutting_down");
        assert_eq!((job.view().result, job.record(None).state), (None, JobState::Running));
        assert!(job.new_lines(0).await.is_empty());
    }

    #[tokio::test]
    async fn a_job_ends_at_its_time_limit() {
        let limited = job(Some(std::time::Duration::from_secs(2)));
        limited.time_out();
        assert_eq!(limited.cancelled().await.state(), JobState::TimedOut);
        assert_eq!(limited.check_not_cancelled().unwrap_err().code(), "job_timed_out");
        let unlimited = job(None);
        unlimited.time_out();
        assert!(unlimited.check_not_cancelled().is_ok());
    }
}
