//! Operations as jobs: watched, waited for, looked at afterwards.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::watch;

use crate::error::Error;
use crate::log_lines::{LogLine, LogLines, now_unix_ms};
use crate::operation::Receipt;

/// The lines of a job that are kept.
const MAX_LINES: usize = 5_000;

/// One operation on its way.
pub struct Job {
    id: String,
    operation: &'static str,
    subject: String,
    created_unix_ms: u64,
    log: LogLines,
    step: Mutex<&'static str>,
    state: watch::Sender<JobState>,
    result: OnceLock<Result<Receipt, Arc<Error>>>,
    asker: Asker,
    superseded: std::sync::atomic::AtomicBool,
}

/// Who asks, and why.
#[derive(Clone, Debug)]
pub struct Asker {
    pub actor: String,
    pub reason: Option<String>,
    pub on_conflict: OnConflict,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    Queue,
    Replace,
    Reject,
}
impl Asker {
    pub fn of(actor: &str) -> Asker {
        Asker { actor: actor.to_owned(), reason: None, on_conflict: OnConflict::Queue }
    }
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// It works.
    Running,
    /// It did what was asked.
    Done,
    /// It did not; what served before still serves.
    Failed,
}

impl JobState {
    /// The word for clients.
    pub fn as_str(self) -> &'static str {
        match self {
            JobState::Running => "running",
            JobState::Done => "done",
            JobState::Failed => "failed",
        }
    }
}

/// A job at one moment.
#[derive(Clone, Debug)]
pub struct JobView {
    /// The id.
    pub id: String,
    /// What was asked: `load`, `reload`, …
    pub operation: &'static str,
    /// Of what: a source or a plugin's id.
    pub subject: String,
    /// When it was asked, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// Where it is.
    pub state: JobState,
    /// What it does now: `fetch`, `check`, `build`, `trial`, `open`, `start`, `probe`, `swap`.
    pub step: &'static str,
    /// How it ended, once it has.
    pub result: Option<Result<Receipt, Arc<Error>>>,
}

impl Job {
    pub(crate) fn new(id: String, operation: &'static str, subject: String, asker: Asker) -> Job {
        Job {
            id,
            operation,
            subject,
            created_unix_ms: now_unix_ms(),
            log: LogLines::new(MAX_LINES),
            step: Mutex::new("queue"),
            state: watch::Sender::new(JobState::Running),
            result: OnceLock::new(),
            asker,
            superseded: Default::default(),
        }
    }

    /// The id: `job_` and 16 hex digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The job at this moment.
    pub fn view(&self) -> JobView {
        JobView {
            id: self.id.clone(),
            operation: self.operation,
            subject: self.subject.clone(),
            created_unix_ms: self.created_unix_ms,
            state: *self.state.borrow(),
            step: *self.step.lock().unwrap_or_else(PoisonError::into_inner),
            result: self.result.get().cloned(),
        }
    }

    /// Its lines numbered `from` and later: cargo's output among them.
    pub fn lines(&self, from: u64) -> Vec<LogLine> {
        self.log.since(from)
    }

    /// Waits for lines numbered `from` and later; none when it has ended without more. Cancel safe.
    pub async fn new_lines(&self, from: u64) -> Vec<LogLine> {
        tokio::select! {
            () = self.log.reached(from) => {}
            _ = self.wait() => {}
        }
        self.log.since(from)
    }

    /// Waits for its end. Cancel safe: the job goes on without a waiter.
    ///
    /// # Errors
    /// Why the operation did not do what was asked.
    pub async fn wait(&self) -> Result<Receipt, Arc<Error>> {
        let mut state = self.state.subscribe();
        // The sender lives in `self`, so this can only end with the state.
        let _ = state.wait_for(|state| *state != JobState::Running).await;
        self.result.get().cloned().unwrap_or_else(|| Err(Arc::new(Error::Panicked)))
    }

    pub(crate) fn operation(&self) -> &'static str {
        self.operation
    }
    pub(crate) fn asker(&self) -> &Asker {
        &self.asker
    }
    pub(crate) fn started(&self) {}
    pub(crate) fn supersede(&self, _by: &str) {
        self.superseded.store(true, std::sync::atomic::Ordering::Relaxed)
    }
    pub(crate) fn is_superseded(&self) -> bool {
        self.superseded.load(std::sync::atomic::Ordering::Relaxed)
    }
    pub(crate) fn line(&self, message: &str) {
        self.log.push("info", None, message);
    }

    pub(crate) fn enter(&self, step: &'static str) {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner) = step;
    }

    pub(crate) fn end(&self, result: Result<Receipt, Error>) {
        let state = if result.is_ok() { JobState::Done } else { JobState::Failed };
        let _ = self.result.set(result.map_err(Arc::new));
        self.state.send_replace(state);
    }
}
