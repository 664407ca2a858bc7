//! Plugins: list, details, status, uploads and configuration.

mod metadata;
mod status;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{FieldError, SettingChange, Update, UpdatePolicy};

pub use metadata::{Endpoint, HealthMetadata, Metadata, SecurityMetadata};
pub use status::{PluginState, PluginStateError, Status, StatusResponse};

/// Request body of `POST /api/plugins/load`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadRequest {
    /// An https git URL, a folder, a `.zip`, a `.so`, `local:<path>` or `index:<id>`.
    pub source: String,
    /// A version, tag, branch or commit of a git URL; `latest` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The folder of the plugin in a repository, folder or archive, such as `plugins/hello`; the root when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The form of the tags that are releases of the plugin, such as `hello-v{version}`. Needed only if the host cannot
    /// tell which tags of the repository belong to the plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_pattern: Option<String>,
    /// Operator configuration that overrides the manifest's defaults. Without it, the existing configuration is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Map<String, Value>>,
    /// Starts the plugin after the installation; true when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<bool>,
    /// Allows replacing a plugin with the same id that was installed from another source; false when absent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replace: bool,
}

/// Response of `GET /api/plugins`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PluginList {
    /// Number of plugins in this response.
    pub count: usize,
    /// Number of plugins that match the filters.
    #[serde(default)]
    pub total: usize,
    /// Value of `cursor` for the next page; absent on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// The plugins, by id.
    pub plugins: BTreeMap<String, PluginItem>,
    /// The plugins whose first installation failed, ordered by id, on the first page of a list without filters. Each is
    /// listed until it is installed or dismissed (`DELETE /api/plugins/:id`), or its job is deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_loads: Vec<FailedLoad>,
}

/// A plugin whose first installation failed, so that it is not installed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FailedLoad {
    /// The plugin's id.
    pub id: String,
    /// The plugin's name.
    pub name: String,
    /// The version that would have been installed.
    pub version: String,
    /// The source.
    pub source: String,
    /// Always `failed`.
    pub state: String,
    /// The id of the job, for `GET /api/jobs/:id` and `POST /api/jobs/:id/retry`.
    pub job: String,
    /// The error code.
    pub code: String,
    /// The error message.
    pub message: String,
    /// The command or change that corrects the problem, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Time of the start of the job.
    pub started_at: Option<u64>,
    /// Time of the failure.
    pub failed_at: Option<u64>,
}

/// The operation that works on a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CurrentOperation {
    /// The id of its job.
    pub job: String,
    /// The operation: `load`, `reload`, …
    pub operation: String,
    /// Time of its start.
    pub started_at: u64,
}

/// A plugin, as listed by `GET /api/plugins`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PluginItem {
    /// Same as `metadata.id`, for older clients.
    #[serde(rename = "ID")]
    pub upper_id: String,
    /// Same as `metadata.name`, for older clients.
    #[serde(rename = "Name")]
    pub upper_name: String,
    /// Same as `metadata.version`, for older clients.
    #[serde(rename = "Version")]
    pub upper_version: String,
    /// Same as `metadata.description`, for older clients.
    #[serde(rename = "Description")]
    pub upper_description: String,
    /// Same as `metadata.author`, for older clients.
    #[serde(rename = "Author")]
    pub upper_author: String,
    /// Same as `metadata.endpoints`, for older clients.
    #[serde(rename = "Endpoints")]
    pub upper_endpoints: Vec<Endpoint>,
    /// Same as `metadata.permissions`, for older clients.
    #[serde(rename = "Permissions")]
    pub upper_permissions: Vec<String>,
    /// Same as `metadata.dependencies`, for older clients.
    #[serde(rename = "Dependencies")]
    pub upper_dependencies: Vec<String>,
    /// The compatibility requirements of plugin.yaml, for older clients.
    #[serde(rename = "Compatibility")]
    pub upper_compatibility: BTreeMap<String, String>,
    /// The fields of plugin.yaml.
    pub metadata: Metadata,
    /// The current status.
    pub status: Status,
    /// The source.
    pub source: String,
    /// The commit, for a git source.
    pub commit: Option<String>,
    /// The branch or tag that led to the commit, such as `refs/tags/v1.0.0`; null for a commit id.
    #[serde(default, rename = "ref")]
    pub reference: Option<String>,
    /// The tag that led to the commit, such as `v1.0.0`.
    #[serde(default)]
    pub tag: Option<String>,
    /// Time of the installation.
    pub loaded_at: Option<u64>,
    /// The artifact's digest.
    pub file_path: String,
    /// True if the plugin is enabled, which includes a stopped plugin.
    pub enabled: bool,
    /// Goal and phase combined for older clients: `uninstalled`, `installed`, `enabled`, `running`, `stopped` or
    /// `disabled`.
    #[serde(default)]
    pub state: String,
    /// The goal: `installed`, `running`, `stopped`, `disabled` or `absent`; null during the first load.
    pub goal: Option<String>,
    /// The revision that set the goal; 0 for none.
    pub revision: u64,
    /// Rollback versions: the earlier versions that a rollback can restore, newest first.
    pub kept: Vec<RollbackVersion>,
    /// The update policy; null during the first load.
    pub update: Option<UpdatePolicy>,
    /// The newest version in the repository, if it is not installed; null if no newer version is known.
    pub update_available: Option<Update>,
    /// The reason for the quarantine; null if the plugin is not quarantined. Enabling, starting or restarting the
    /// plugin ends the quarantine.
    pub quarantine: Option<String>,
    /// Number of consecutive failures to start or to work.
    pub failures_in_a_row: u32,
    /// Number of times since the host started that a handler blocked its thread for longer than `max_poll_ms`.
    pub long_polls: u64,
    /// `fetching`, `building`, `loading`, `running`, `degraded`, `draining`, `stopped`, `failed` or `quarantined`.
    pub phase: String,
    /// The generation that serves; null if none does.
    pub generation: Option<u64>,
    /// The generations in memory, and the most recent generations that were unmapped.
    pub generations: Vec<Generation>,
    /// Warnings about plugin.yaml.
    pub warnings: Vec<String>,
    /// The error of the last operation; null if it succeeded.
    pub last_error: Option<LastError>,
    /// The newest crash of the host that the plugin has caused; null if none is known.
    #[serde(default)]
    pub last_crash: Option<LastCrash>,
    /// The operation that works on the plugin; null if none does.
    #[serde(default)]
    pub operation: Option<CurrentOperation>,
}

/// A rollback version: an earlier version of a plugin that a rollback can restore.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RollbackVersion {
    /// The version.
    pub version: String,
    /// The source.
    pub source: String,
    /// The commit, for a git source.
    pub commit: Option<String>,
    /// The artifact's digest.
    pub artifact: String,
    /// Time of the installation.
    pub loaded_at: u64,
}

/// The error of an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastError {
    /// The error code.
    pub code: String,
    /// The error message.
    pub message: String,
    /// Time of the error.
    pub at_unix_ms: u64,
}

/// A crash of the host that a plugin has caused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastCrash {
    /// The number of the generation.
    pub generation: Option<u64>,
    /// The occasion on which the plugin's code ran: `open`, `start`, `hook`, `call`, `release` or `thread`; null if the
    /// host had not called it.
    pub activity: Option<String>,
    /// The name of a signal, `stack_overflow`, or `exit`.
    pub cause: String,
    /// The crash in one sentence.
    pub message: String,
    /// Time of the crash.
    pub at_unix_ms: u64,
}

/// One generation: a loaded and started instance of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Generation {
    /// The generation's number.
    pub number: u64,
    /// The plugin's version.
    pub version: String,
    /// `running`, `draining`, `stopping`, `quiescing`, `kept` or `unmapped`.
    pub phase: String,
    /// Number of calls whose response is not complete.
    pub in_flight: usize,
    /// Number of requests to its endpoints.
    pub requests: u64,
    /// The reasons that keep the library mapped, while the phase is `quiescing` or `kept`.
    pub held_by: Vec<String>,
    /// Size of the library's mapping in bytes; 0 when it is unmapped.
    pub mapped_bytes: usize,
    /// Heap bytes that the plugin currently holds; null if the plugin was built without heap accounting.
    pub live_bytes: Option<u64>,
    /// Heap bytes that the plugin had not freed when its library was unmapped.
    pub left_bytes: Option<u64>,
    /// Time from the replacement to the unmapping, in milliseconds.
    pub unmapped_after_ms: Option<f64>,
}

/// Response of `GET /api/plugins/:id`: the fields of the list, and again in `plugin`, where older clients read them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Plugin {
    /// Metadata, status and routes.
    pub plugin: PluginParts,
    /// The keys that the plugin has stored.
    #[serde(default)]
    pub stored_data: StoredData,
    /// The item of the list.
    #[serde(flatten)]
    pub item: PluginItem,
}

/// The data in the key-value store of a plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoredData {
    /// The number of keys.
    pub keys: u64,
    /// Bytes of all keys and values.
    pub bytes: u64,
}

/// Metadata, status and routes of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PluginParts {
    /// The fields of plugin.yaml.
    pub metadata: Metadata,
    /// The current status.
    pub status: Status,
    /// The routes of its endpoints.
    pub routes: Vec<Route>,
}

/// The route of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Route {
    /// The HTTP method.
    pub method: String,
    /// The complete path.
    pub path: String,
    /// The name of the handler in the plugin's code.
    pub handler: String,
}

/// Response of `POST /api/plugins/upload`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UploadResponse {
    /// The id for `POST /api/plugins/install/:id`; absent if the plugin is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_id: Option<String>,
    /// Result of the plugin.yaml check.
    pub validation: Validation,
    /// The fields of plugin.yaml, if it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// Result of the plugin.yaml check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Validation {
    /// True if the plugin can be installed.
    pub valid: bool,
    /// The messages of the problems that prevent an installation.
    pub errors: Vec<String>,
    /// The problems that prevent an installation, each with the field it is about.
    #[serde(default)]
    pub problems: Vec<FieldError>,
    /// The command or change that corrects the problems, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Warnings that do not prevent an installation: files that are left out, doubtful values of plugin.yaml.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// Response of `GET /api/plugins/:id/config`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Configuration {
    /// The plugin's id.
    pub id: String,
    /// The plugin's revision; also sent as `ETag`.
    #[serde(default)]
    pub revision: u64,
    /// The effective configuration: the defaults, overridden by `host_file` and `set`.
    pub configuration: serde_json::Map<String, serde_json::Value>,
    /// The defaults of plugin.yaml.
    pub defaults: serde_json::Map<String, serde_json::Value>,
    /// The values set in the host's configuration file.
    #[serde(default)]
    pub host_file: serde_json::Map<String, serde_json::Value>,
    /// The values set by the operator.
    pub set: serde_json::Map<String, serde_json::Value>,
}

/// Response of `PUT` and `PATCH /api/plugins/:id/config?dry_run=true`: the configuration as the change would make it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConfigurationCheck {
    /// The result in one sentence.
    pub message: String,
    /// The plugin's id.
    pub id: String,
    /// The plugin's current revision, for `If-Match` of the change.
    pub revision: u64,
    /// The effective configuration after the change.
    pub configuration: serde_json::Map<String, serde_json::Value>,
    /// The values set by the operator after the change.
    pub set: serde_json::Map<String, serde_json::Value>,
    /// The differences from the current effective configuration. A changed secret is a change from mask to mask.
    pub changes: Vec<SettingChange>,
    /// Warnings about doubtful values.
    pub warnings: Vec<String>,
    /// True if the `validate` hook of the plugin has accepted the configuration; false if the plugin does not serve or
    /// does not have this hook, so that only the schema was checked.
    pub checked_by_plugin: bool,
}
