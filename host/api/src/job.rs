//! Operations and the jobs that run them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{OperationPart, Problem};

/// Result of an operation on a plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OperationResult {
    /// The result in one sentence.
    pub message: String,
    /// The plugin's id.
    pub id: String,
    /// The plugin's source.
    pub source: String,
    /// The plugin's version.
    pub version: String,
    /// The commit, for a git source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The branch or tag that led to the commit, such as `refs/tags/v1.0.0`; absent for a commit id.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The tag that led to the commit, such as `v1.0.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The generation that served before the operation.
    pub generation_before: Option<u64>,
    /// The generation that serves now; null if none does.
    pub generation: Option<u64>,
    /// The revision that this operation created.
    #[serde(default)]
    pub revision: u64,
    /// Request counts of the two generations.
    #[serde(default)]
    pub served: Vec<GenerationRequests>,
    /// True if the library came from the build cache; null if nothing was built.
    pub cached: Option<bool>,
    /// Warnings about plugin.yaml.
    pub warnings: Vec<String>,
    /// The states that the plugin passed through, from the old state to the new one; absent if the state did not
    /// change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<String>,
    /// The reason, if the host started the operation itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The steps, in order.
    pub steps: Vec<JobStep>,
    /// Results of the single operations of a batch or plan. `id`, `source` and `version` are empty in that case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<OperationPart>,
    /// The job that ran the operation.
    pub job: String,
    /// The installed upload, if the source was an upload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_id: Option<String>,
}

/// Request counts of one generation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GenerationRequests {
    /// The generation's number.
    pub generation: u64,
    /// Number of requests to its endpoints.
    pub requests: u64,
    /// Number of responses with a status of 500 or higher.
    pub errors: u64,
    /// Number of calls whose response is not complete.
    pub in_flight: usize,
}

/// Duration of one step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobStep {
    /// The step's name.
    pub step: String,
    /// Duration in milliseconds.
    pub duration_ms: f64,
}

/// A job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// The job's id.
    pub id: String,
    /// The operation: `load`, `install`, `reload`, `restart`, `enable`, `start`, `stop`, `disable`, `unload`,
    /// `configure`, `rollback`, `restore`, `update`, `set_update_rule`, `block_version`, `apply` or `batch`.
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
    /// `error`, `warn`, `info` or `debug`.
    pub level: String,
    /// The generation that wrote the line; null for the host.
    pub generation: Option<u64>,
    /// The text of the line.
    pub message: String,
}
