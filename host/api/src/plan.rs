//! Plans of a plugins.yaml, what comes of applying them, and several operations at once.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{Asked, Problem, UpdateRule};

/// The answer to `POST /api/plugins/plan`: what applying the file would do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// The plan, to be sent to `POST /api/plugins/apply`.
    pub plan: String,
    /// Until when the host keeps it.
    pub expires_unix_ms: u64,
    /// Whether plugins that are not listed are unloaded.
    pub prune: bool,
    /// How many plugins change.
    pub changing: usize,
    /// The plugins, in the order in which they are changed; those that stay as they are among them.
    pub plugins: Vec<PlannedPlugin>,
}

/// What a plan does with one plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedPlugin {
    /// The plugin.
    pub id: String,
    /// Its place in the file, from 0; null for a plugin that is not listed.
    pub entry: Option<usize>,
    /// `nothing`, `install`, `change` or `unload`.
    pub action: String,
    /// What is installed, where another version, source or build comes, or it goes.
    pub before: Option<PlannedVersion>,
    /// What comes.
    pub after: Option<PlannedVersion>,
    /// Whether its source was fetched for the plan.
    pub fetched: bool,
    /// `build`, `cached` or `library`: how what comes is made; null when nothing comes, or what is installed is used.
    pub build: Option<String>,
    /// What the operator sets, as far as it changes. Secrets are masked.
    pub configuration: Vec<SettingChange>,
    /// What it is to do, where that changes.
    pub goal: Option<GoalChange>,
    /// Which newer versions are taken, where that changes.
    pub update: Option<RuleChange>,
    /// Permissions that its plugin.yaml asks for and did not have so far.
    pub new_permissions: Vec<String>,
    /// Enabled plugins that need it, when another version comes or it goes out of service.
    pub dependants: Vec<String>,
    /// What plugin.yaml's check has to say about what comes.
    pub warnings: Vec<String>,
}

/// A version and where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedVersion {
    /// The version.
    pub version: String,
    /// The source.
    pub source: String,
    /// The commit, for a git source.
    pub commit: Option<String>,
}

/// A setting that changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingChange {
    /// Where, as a JSON pointer.
    pub pointer: String,
    /// What is there; absent when there is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What comes; absent when nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// What a plugin is to do: `running`, `stopped`, `disabled` or `installed`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GoalChange {
    /// Now; null for a plugin that comes.
    pub before: Option<String>,
    /// Then.
    pub after: String,
}

/// Which newer versions are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleChange {
    /// Now.
    pub before: UpdateRule,
    /// Then.
    pub after: UpdateRule,
}

/// The body of `POST /api/plugins/apply`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// The plan, as `POST /api/plugins/plan` named it.
    pub plan: String,
    /// Whether all of it is done or nothing; yes when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub atomic: Option<bool>,
}

/// What became of one of several things that were asked for at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Part {
    /// `load`, `reload`, …; what a plan does with a plugin is `apply`.
    pub operation: String,
    /// Of what: a source or a plugin's id.
    pub subject: String,
    /// `done`, `failed`, `undone`, `stuck` (done, and could not be undone) or `skipped`.
    pub state: String,
    /// What was done.
    #[schema(no_recursion)]
    pub result: Option<Asked>,
    /// Why it was not done, or could not be undone.
    #[schema(no_recursion)]
    pub problem: Option<Problem>,
}

/// The body of `POST /api/plugins/batch`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// What is to be done, in order.
    #[schema(value_type = Vec<BatchOperation>, max_items = 100)]
    pub operations: Vec<Value>,
    /// Whether what was done is undone when something can't be done; yes when absent.
    #[serde(default)]
    pub mode: BatchMode,
}

/// What becomes of the rest when something can't be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchMode {
    /// What was done is undone.
    #[default]
    Atomic,
    /// The rest is done nevertheless.
    BestEffort,
}

/// One operation of a batch. The fields are those of the operation's own route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "operation", rename_all = "snake_case", deny_unknown_fields)]
pub enum BatchOperation {
    /// As `POST /api/plugins/load`.
    Load {
        /// Where from.
        source: String,
        /// Branch, tag or commit of a git address.
        version: Option<String>,
        /// What the operator sets.
        config: Option<serde_json::Map<String, Value>>,
        /// Whether it serves from then on; yes when absent.
        start: Option<bool>,
    },
    /// As `POST /api/plugins/:id/reload`.
    Reload {
        /// The plugin.
        id: String,
    },
    /// As `POST /api/plugins/:id/enable`.
    Enable {
        /// The plugin.
        id: String,
    },
    /// As `POST /api/plugins/:id/disable`.
    Disable {
        /// The plugin.
        id: String,
        /// Whether those that need it are disabled first.
        #[serde(default)]
        cascade: bool,
    },
    /// As `POST /api/plugins/:id/start`.
    Start {
        /// The plugin.
        id: String,
    },
    /// As `POST /api/plugins/:id/stop`.
    Stop {
        /// The plugin.
        id: String,
    },
    /// As `POST /api/plugins/:id/restart`.
    Restart {
        /// The plugin.
        id: String,
    },
    /// As `DELETE /api/plugins/:id`. Only one that keeps the data can be undone.
    Unload {
        /// The plugin.
        id: String,
        /// Whether what the host keeps for it stays.
        #[serde(default)]
        keep_data: bool,
        /// Whether those that need it are unloaded first.
        #[serde(default)]
        cascade: bool,
    },
    /// As `PUT /api/plugins/:id/config`, or with `patch` as `PATCH`.
    Configure {
        /// The plugin.
        id: String,
        /// All that the operator sets.
        config: Option<serde_json::Map<String, Value>>,
        /// What is merged into what the operator set (RFC 7396).
        patch: Option<serde_json::Map<String, Value>>,
        /// The revision that the change is made from; another one refuses it.
        revision: Option<u64>,
    },
    /// As `POST /api/plugins/:id/rollback`.
    Rollback {
        /// The plugin.
        id: String,
        /// A version, commit or artifact; the one before when absent.
        to: Option<String>,
    },
    /// As `POST /api/plugins/:id/update`.
    Update {
        /// The plugin.
        id: String,
        /// A tag, branch or commit; the newest that the rule allows when absent.
        to: Option<String>,
    },
}
