//! The outcome of an operation: a receipt, or a failure.

use std::borrow::Cow;

use host_core::PluginId;
use serde::{Deserialize, Serialize};

use crate::model::{FailureKind, FieldProblem};

/// The receipt of an operation. The state database stores it as JSON: a field that is added later needs
/// `#[serde(default)]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The plugin; `None` for an operation of several parts.
    #[serde(default, with = "plugin_id")]
    pub id: Option<PluginId>,
    /// The version of the plugin.
    pub version: String,
    /// The source of the plugin.
    pub source: String,
    /// The commit, for a git source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The branch or tag that led to the commit, such as `refs/tags/v1.0.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The revision of the current desired state.
    #[serde(default)]
    pub revision: u64,
    /// The generation that served before.
    pub generation_before: Option<u64>,
    /// The generation that serves now.
    pub generation: Option<u64>,
    /// The requests that these two generations have answered so far.
    #[serde(default)]
    pub served: Vec<Served>,
    /// Whether the library came from the build cache.
    pub cached: Option<bool>,
    /// The warnings of the operation.
    pub warnings: Vec<String>,
    /// The states that the plugin went through, from the old to the new one, if the operation changes them.
    #[serde(default)]
    pub states: Vec<Cow<'static, str>>,
    /// The reason of an automatic operation, or of an operation that did nothing.
    #[serde(default)]
    pub reason: Option<String>,
    /// The result of each part, for an operation of several parts.
    #[serde(default)]
    pub parts: Vec<OperationPart>,
    /// The steps, in order.
    pub steps: Vec<StepReport>,
}

/// A failure of an operation, as it is reported to clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// The kind.
    pub kind: FailureKind,
    /// The stable error code.
    pub code: String,
    /// The error and its causes, in one line.
    pub message: String,
    /// The remedy.
    #[serde(default)]
    pub fix: Option<String>,
    /// Each single problem, if there are several.
    #[serde(default)]
    pub problems: Vec<FieldProblem>,
    /// The result of each part, for an operation of several parts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<OperationPart>,
    /// The plugin that would have been installed, if this is the failure of its first load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_load: Option<Box<FirstLoad>>,
}

/// A plugin that is being installed for the first time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstLoad {
    /// The name in plugin.yaml.
    pub name: String,
    /// The version in plugin.yaml.
    pub version: String,
    /// The source.
    pub source: String,
}

/// The result of one part of an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationPart {
    /// The operation: `load`, `reload`, …; a target of a plan is `apply` or `unload`.
    pub operation: Cow<'static, str>,
    /// The subject: a source or the id of a plugin.
    pub subject: String,
    /// The state.
    pub state: PartState,
    /// The receipt of a part that was performed.
    pub receipt: Option<Box<Receipt>>,
    /// The failure of a part that was not performed, or could not be undone.
    pub problem: Option<Failed>,
}

/// The state of one part of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    /// Performed, or nothing had to be changed.
    Done,
    /// Failed.
    Failed,
    /// Performed, and undone because another part failed.
    Undone,
    /// Performed, and could not be undone after another part failed.
    Stuck,
    /// Not started, because another part failed.
    Skipped,
}

impl PartState {
    /// The stable name for clients.
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

/// The requests that a generation has answered so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The number of the generation.
    pub generation: u64,
    /// The requests routed to its endpoints.
    pub requests: u64,
    /// The responses with status 500 or higher.
    pub errors: u64,
    /// The calls in flight, until the last byte of the response.
    pub in_flight: usize,
}

/// The duration of one step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// The name of the step.
    pub step: Cow<'static, str>,
    /// The duration in milliseconds.
    pub duration_ms: f64,
}

/// An optional plugin id as text.
mod plugin_id {
    use host_core::PluginId;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(id: &Option<PluginId>, serializer: S) -> Result<S::Ok, S::Error> {
        id.as_ref().map(PluginId::as_str).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PluginId>, D::Error> {
        let id = Option::<String>::deserialize(deserializer)?;
        id.map(|id| id.parse().map_err(D::Error::custom)).transpose()
    }
}
