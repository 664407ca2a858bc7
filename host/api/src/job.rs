//! Jobs and log lines.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{JobStep, OperationResult, Problem};

/// A job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// The job's id.
    pub id: String,
    /// The operation: `load`, `install`, `reload`, `restart`, `enable`, `start`, `stop`, `disable`, `unload`,
    /// `configure`, `rollback`, `restore`, `update`, `set_update_policy`, `block_version`, `apply` or `batch`.
    pub operation: String,
    /// The object of the operation: a source, an upload or a plugin id.
    pub subject: String,
    /// The plugin's id; null until it is known.
    #[serde(default)]
    pub plugin: Option<String>,
    /// `queued`, `running`, `done`, `failed`, `cancelled`, `timed_out` or `superseded`.
    pub state: String,
    /// The current step, or the last one.
    pub step: String,
    /// The completed steps, in order.
    #[serde(default)]
    pub steps: Vec<JobStep>,
    /// Number of log lines.
    #[serde(default)]
    pub lines: u64,
    /// The caller that requested the job.
    #[serde(default)]
    pub actor: String,
    /// The reason given by the caller.
    #[serde(default)]
    pub reason: Option<String>,
    /// How this job treats another job of the same plugin: `queue`, `replace` or `reject`.
    #[serde(default)]
    pub on_conflict: String,
    /// Timeout requested by the caller; the job is ended when it expires.
    #[serde(default)]
    pub timeout_seconds: Option<f64>,
    /// Number of the attempt. Each restart of the host during the job adds one.
    #[serde(default)]
    pub attempt: u64,
    /// The failed or cancelled job that this job retries.
    #[serde(default)]
    pub retry_of: Option<String>,
    /// Creation time.
    pub created_unix_ms: u64,
    /// Start time; null while the job is queued.
    #[serde(default)]
    pub started_unix_ms: Option<u64>,
    /// End time; null while the job has not ended.
    #[serde(default)]
    pub ended_unix_ms: Option<u64>,
    /// The result, if the job succeeded.
    pub result: Option<OperationResult>,
    /// The problem, if the job did not succeed.
    pub problem: Option<Problem>,
}

/// A page of jobs, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobList {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Value of `cursor` for the next page; null on the last page.
    #[serde(default)]
    pub next: Option<String>,
}

/// Data of the last event of a job's log stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobEnd {
    /// The final state of the job.
    pub state: String,
}

/// Log lines of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogLines {
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
}

/// One log line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Line number within this log.
    pub number: u64,
    /// Time of the line.
    pub at_unix_ms: u64,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// The generation that wrote the line; null for the host.
    pub generation: Option<u64>,
    /// The text of the line.
    pub message: String,
}
