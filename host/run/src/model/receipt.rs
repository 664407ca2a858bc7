//! The receipt of an operation.

use std::borrow::Cow;

use host_core::PluginId;
use serde::{Deserialize, Serialize};

use super::record;
use crate::model::Failed;

/// What an operation did. The state keeps it as JSON: a field that is added later needs `#[serde(default)]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The plugin; `None` where there are parts.
    #[serde(default, with = "record::plugin_id")]
    pub id: Option<PluginId>,
    /// Its version.
    pub version: String,
    /// Where it comes from.
    pub source: String,
    /// The revision that says what is asked for now.
    #[serde(default)]
    pub revision: u64,
    /// The generation that served before.
    pub generation_before: Option<u64>,
    /// The generation that serves now.
    pub generation: Option<u64>,
    /// What those two answered, as far as they have.
    #[serde(default)]
    pub served: Vec<Served>,
    /// Whether the library came from the build cache.
    pub cached: Option<bool>,
    /// What plugin.yaml's check had to say.
    pub warnings: Vec<String>,
    /// The states that it went through, from what it was to what it is, where the operation is about these.
    #[serde(default)]
    pub states: Vec<Cow<'static, str>>,
    /// Why the host did it by itself, if it did, or did nothing.
    #[serde(default)]
    pub reason: Option<String>,
    /// What became of each of several things that were asked for at once.
    #[serde(default)]
    pub parts: Vec<OperationPart>,
    /// The steps, in order.
    pub steps: Vec<StepReport>,
}

/// What became of one of several things that were asked for at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationPart {
    /// `load`, `reload`, …; what a plan does with a plugin is `apply`, or `unload`.
    pub operation: Cow<'static, str>,
    /// Of what: a source or a plugin's id.
    pub subject: String,
    /// What became of it.
    pub state: PartState,
    /// What was done, where something was.
    pub receipt: Option<Box<Receipt>>,
    /// Why it was not done, or could not be undone.
    pub problem: Option<Failed>,
}

/// What became of one of several things that were asked for at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    /// It is done; also when it changed nothing that is asked for, so that there is nothing to undo.
    Done,
    /// It could not be done.
    Failed,
    /// It was done, and undone because another could not be done.
    Undone,
    /// It was done and should be undone, but could not be.
    Stuck,
    /// It was not begun, because another could not be done.
    Skipped,
}

impl PartState {
    /// The word for clients.
    pub fn as_str(self) -> &'static str {
        match self {
            PartState::Done => "done",
            PartState::Failed => "failed",
            PartState::Undone => "undone",
            PartState::Stuck => "stuck",
            PartState::Skipped => "skipped",
        }
    }
}

/// What a generation has answered so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// The step.
    pub step: Cow<'static, str>,
    /// Its time in milliseconds.
    pub duration_ms: f64,
}
