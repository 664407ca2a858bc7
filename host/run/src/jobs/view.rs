//! A job at one moment: one that is under way, or one that is remembered.

use std::borrow::Cow;

use host_core::job::JobState;
use host_state::{JobCursor, JobRecord};

use crate::jobs::outcome;
use crate::model::{Failed, Initiator, Receipt, StepReport};

/// A job at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct JobView {
    /// The id.
    pub id: String,
    /// What was asked: `load`, `reload`, …
    pub operation: Cow<'static, str>,
    /// Of what: a source, an upload or a plugin's id.
    pub subject: String,
    /// The plugin, once it is known.
    pub plugin: Option<String>,
    /// Who asked.
    pub initiator: Initiator,
    /// Which attempt this is; the first is 1.
    pub attempt: u64,
    /// The job that asked for the same before, when this one was made of it.
    pub retry_of: Option<String>,
    /// When it was asked, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// When its turn came.
    pub started_unix_ms: Option<u64>,
    /// When it ended.
    pub ended_unix_ms: Option<u64>,
    /// Where it is.
    pub state: JobState,
    /// What it does now, or did last: `queue`, `fetch`, `check`, `build`, `trial`, `open`, `start`, `probe`, `swap`, …
    pub step: Cow<'static, str>,
    /// The steps that it has behind it.
    pub steps: Vec<StepReport>,
    /// How many log lines it has written.
    pub n_lines: u64,
    /// How it ended, once it has.
    pub result: Option<Result<Receipt, Failed>>,
}

impl JobView {
    /// Where it stands in the list of jobs.
    pub fn cursor(&self) -> JobCursor {
        JobCursor { created_unix_ms: self.created_unix_ms, id: self.id.clone() }
    }

    /// A job as it was kept.
    pub(crate) fn remembered(record: JobRecord) -> JobView {
        let initiator = Initiator::from_record(&record);
        let result = record.state.is_ended().then(|| outcome::read(record.outcome.as_deref()));
        JobView {
            id: record.id,
            operation: Cow::Owned(record.operation),
            subject: record.subject,
            plugin: record.plugin,
            initiator,
            attempt: record.attempt,
            retry_of: record.retry_of,
            created_unix_ms: record.created_unix_ms,
            started_unix_ms: record.started_unix_ms,
            ended_unix_ms: record.ended_unix_ms,
            state: record.state,
            step: Cow::Owned(record.step),
            steps: serde_json::from_str(&record.steps).unwrap_or_default(),
            n_lines: record.n_lines,
            result,
        }
    }
}
