//! A job at one moment: running, or stored.

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
    /// The operation: `load`, `reload`, …
    pub operation: Cow<'static, str>,
    /// The subject: a source, an upload or the id of a plugin.
    pub subject: String,
    /// The plugin, once it is known.
    pub plugin: Option<String>,
    /// The initiator.
    pub initiator: Initiator,
    /// The number of the attempt; the first is 1.
    pub attempt: u64,
    /// The job that this job retries.
    pub retry_of: Option<String>,
    /// The time of the request, in milliseconds since the Unix epoch.
    pub created_unix_ms: u64,
    /// The time of the start.
    pub started_unix_ms: Option<u64>,
    /// The time of the end.
    pub ended_unix_ms: Option<u64>,
    /// The state.
    pub state: JobState,
    /// The current or last step: `queue`, `fetch`, `check`, `build`, `trial`, `open`, `start`, `probe`, `swap`, …
    pub step: Cow<'static, str>,
    /// The completed steps.
    pub steps: Vec<StepReport>,
    /// The number of log lines.
    pub n_lines: u64,
    /// The result, after the end.
    pub result: Option<Result<Receipt, Failed>>,
}

impl JobView {
    /// The position in the list of jobs.
    pub fn cursor(&self) -> JobCursor {
        JobCursor { created_unix_ms: self.created_unix_ms, id: self.id.clone() }
    }

    /// A stored job.
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
