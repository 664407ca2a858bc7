//! Plans made from a plugins.yaml, their results, and batches.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::UpdatePolicy;

/// Response of `POST /api/plugins/plan`: the changes that applying the file would make.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// The plan's digest, for `POST /api/plugins/apply`.
    pub plan: String,
    /// Time until which the host stores the plan.
    pub expires_unix_ms: u64,
    /// True if plugins that are not in the file are unloaded.
    pub prune: bool,
    /// Number of plugins that change.
    pub changing: usize,
    /// All plugins in the order of the changes, including unchanged plugins.
    pub plugins: Vec<PlannedPlugin>,
}

/// Planned changes of one plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedPlugin {
    /// The plugin's id.
    pub id: String,
    /// Index of the entry in the file, from 0; null for a plugin that is not listed.
    pub entry: Option<usize>,
    /// `nothing`, `install`, `change` or `unload`.
    pub action: String,
    /// The installed version, if it is replaced or removed.
    pub before: Option<PlannedVersion>,
    /// The version that will be installed.
    pub after: Option<PlannedVersion>,
    /// True if the source was fetched for this plan.
    pub fetched: bool,
    /// How the new library is produced: `build`, `cached` or `library`; null if no library is needed or the installed
    /// one is used.
    pub build: Option<String>,
    /// Changes of the operator configuration. Secrets are masked.
    pub configuration: Vec<SettingChange>,
    /// Change of the goal, if any.
    pub goal: Option<GoalChange>,
    /// Change of the update policy, if any.
    pub update: Option<RuleChange>,
    /// Permissions that the new plugin.yaml requests and the installed one does not.
    pub new_permissions: Vec<String>,
    /// Enabled plugins that depend on this plugin, if it is replaced or taken out of service.
    pub dependants: Vec<String>,
    /// Warnings about the new source and its plugin.yaml, and about keys of the new configuration.
    pub warnings: Vec<String>,
}

/// A version and its source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlannedVersion {
    /// The version.
    pub version: String,
    /// The source.
    pub source: String,
    /// The commit, for a git source.
    pub commit: Option<String>,
}

/// A changed setting.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingChange {
    /// JSON pointer to the setting.
    pub pointer: String,
    /// The current value; absent if the setting is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The new value; absent if the setting is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Change of a plugin's goal: `running`, `stopped`, `disabled` or `installed`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GoalChange {
    /// The current goal; null for a new plugin.
    pub before: Option<String>,
    /// The new goal.
    pub after: String,
}

/// Change of a plugin's update policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RuleChange {
    /// The current policy.
    pub before: UpdatePolicy,
    /// The new policy.
    pub after: UpdatePolicy,
}

/// Request body of `POST /api/plugins/apply`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// The plan's digest, as returned by `POST /api/plugins/plan`.
    pub plan: String,
    /// Undoes all changes if one of them fails; true when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub atomic: Option<bool>,
}

/// Request body of `POST /api/plugins/batch`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// The operations, in order.
    #[schema(value_type = Vec<BatchOperation>, max_items = 100)]
    pub operations: Vec<Value>,
    /// The handling of the other operations if one fails; `atomic` by default.
    #[serde(default)]
    pub mode: BatchMode,
}

/// The handling of the other operations of a batch if one fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchMode {
    /// The completed operations are undone.
    #[default]
    Atomic,
    /// The remaining operations are run.
    BestEffort,
}

/// One operation of a batch, with the fields of the operation's own route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "operation", rename_all = "snake_case", deny_unknown_fields)]
pub enum BatchOperation {
    /// As `POST /api/plugins/load`.
    Load {
        /// The source.
        source: String,
        /// Version, tag, branch or commit of a git URL.
        version: Option<String>,
        /// The folder of the plugin in a repository, folder or archive.
        path: Option<String>,
        /// The pattern of the release tags of a git URL.
        tag_pattern: Option<String>,
        /// The operator configuration.
        config: Option<serde_json::Map<String, Value>>,
        /// Starts the plugin after the installation; true when absent.
        start: Option<bool>,
        /// Allows replacing a plugin with the same id that was installed from another source.
        #[serde(default)]
        replace: bool,
    },
    /// As `POST /api/plugins/:id/reload`.
    Reload {
        /// The plugin's id.
        id: String,
    },
    /// As `POST /api/plugins/:id/enable`.
    Enable {
        /// The plugin's id.
        id: String,
    },
    /// As `POST /api/plugins/:id/disable`.
    Disable {
        /// The plugin's id.
        id: String,
        /// Also disables the plugins that depend on it, before this one.
        #[serde(default)]
        cascade: bool,
    },
    /// As `POST /api/plugins/:id/start`.
    Start {
        /// The plugin's id.
        id: String,
    },
    /// As `POST /api/plugins/:id/stop`.
    Stop {
        /// The plugin's id.
        id: String,
    },
    /// As `POST /api/plugins/:id/restart`.
    Restart {
        /// The plugin's id.
        id: String,
    },
    /// As `DELETE /api/plugins/:id`. It can be undone only if `keep_data` is set.
    Unload {
        /// The plugin's id.
        id: String,
        /// Keeps the data that the host stores for the plugin.
        #[serde(default)]
        keep_data: bool,
        /// Also unloads the plugins that depend on it, before this one.
        #[serde(default)]
        cascade: bool,
    },
    /// As `PUT /api/plugins/:id/config`, or as `PATCH` if `patch` is given.
    Configure {
        /// The plugin's id.
        id: String,
        /// The complete operator configuration.
        config: Option<serde_json::Map<String, Value>>,
        /// A merge patch of the operator configuration (RFC 7396).
        patch: Option<serde_json::Map<String, Value>>,
        /// The revision on which the change is based; the operation fails if the plugin has another revision.
        revision: Option<u64>,
    },
    /// As `POST /api/plugins/:id/rollback`.
    Rollback {
        /// The plugin's id.
        id: String,
        /// A version, commit or artifact digest; the previous version when absent.
        to: Option<String>,
    },
    /// As `POST /api/plugins/:id/update`.
    Update {
        /// The plugin's id.
        id: String,
        /// A tag, branch or commit; the newest version that the policy allows when absent.
        to: Option<String>,
    },
}
