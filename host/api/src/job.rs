//! Operations, as jobs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Part, Problem};

/// What an operation did: the answer of POST and DELETE.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Asked {
    /// One sentence.
    pub message: String,
    /// The plugin.
    pub id: String,
    /// Where it comes from.
    pub source: String,
    /// Its version.
    pub version: String,
    /// The generation that served before.
    pub generation_before: Option<u64>,
    /// The generation that serves now; null when none does.
    pub generation: Option<u64>,
    /// The revision that says what is asked for now.
    #[serde(default)]
    pub revision: u64,
    /// What those two generations answered, as far as they have.
    #[serde(default)]
    pub served: Vec<Served>,
    /// Whether the library came from the build cache; null when nothing was built.
    pub cached: Option<bool>,
    /// What plugin.yaml's check had to say.
    pub warnings: Vec<String>,
    /// The states that the plugin went through, from what it was to what it is, where it was asked for another one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<String>,
    /// Why the host did it by itself, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// What became of each of several things that were asked for at once; `id`, `source` and `version` are empty then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// The job that did it.
    pub job: String,
    /// The upload that was installed, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload_id: Option<String>,
}

/// What a generation has answered so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Served {
    /// Its number.
    pub generation: u64,
    /// Requests that its endpoints were asked.
    pub requests: u64,
    /// Those with a status of 500 or more.
    pub errors: u64,
    /// Calls not answered to their last byte.
    pub in_flight: usize,
}

/// How long a step took.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Step {
    /// Its name.
    pub step: String,
    /// Its time in milliseconds.
    pub duration_ms: f64,
}

/// A job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    /// The id.
    pub id: String,
    /// What was asked: `load`, `install`, `reload`, `restart`, `enable`, `start`, `stop`, `disable`, `unload`, `configure`,
    /// `rollback`, `restore`, `update`, `set_update_rule`, `block_version`.
    pub operation: String,
    /// Of what: a source, an upload or a plugin's id.
    pub subject: String,
    /// The plugin; null while it is not known.
    #[serde(default)]
    pub plugin: Option<String>,
    /// `queued`, `running`, `done`, `failed`, `cancelled`, `timed_out` or `superseded`.
    pub state: String,
    /// What it does now, or did last.
    pub step: String,
    /// The steps that it has behind it, in order.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// How many log lines it has written.
    #[serde(default)]
    pub lines: u64,
    /// Who asked.
    #[serde(default)]
    pub actor: String,
    /// Why, in their own words.
    #[serde(default)]
    pub reason: Option<String>,
    /// What becomes of another job of the same plugin: `queue`, `replace` or `reject`.
    #[serde(default)]
    pub on_conflict: String,
    /// How long whoever asked wants to wait for its end.
    #[serde(default)]
    pub timeout_seconds: Option<f64>,
    /// Which attempt this is; each end of the host meanwhile makes one more.
    #[serde(default)]
    pub attempt: u64,
    /// The job that asked for the same before, when this is a retry.
    #[serde(default)]
    pub retry_of: Option<String>,
    /// When it was asked.
    pub created_unix_ms: u64,
    /// When its turn came.
    #[serde(default)]
    pub started_unix_ms: Option<u64>,
    /// When it ended.
    #[serde(default)]
    pub ended_unix_ms: Option<u64>,
    /// What it did, once it is done.
    pub result: Option<Asked>,
    /// Why it ended otherwise, once it has.
    pub problem: Option<Problem>,
}

/// The jobs that are remembered, newest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobList {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// What to ask for as `cursor` to have those behind them; null when there are none.
    #[serde(default)]
    pub next: Option<String>,
}

/// The data of the last event of a job's log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobEnd {
    /// How the job ended.
    pub state: String,
}

/// Log lines of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogLines {
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
}

/// A log line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Counts up within one log.
    pub number: u64,
    /// When.
    pub at_unix_ms: u64,
    /// `error`, `warn`, `info` or `debug`.
    pub level: String,
    /// Which generation wrote it; null for the host.
    pub generation: Option<u64>,
    /// The text.
    pub message: String,
}
