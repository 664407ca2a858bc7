//! Plugins, as the list, the item and the status show them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{FieldError, Update, UpdateRule};

/// The body of `POST /api/plugins/load`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LoadRequest {
    /// An https git URL, a folder, a `.zip`, a `.so`, or `local:<path>`.
    pub source: String,
    /// A branch, tag or commit of a git URL; `latest` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What to set over the manifest's defaults; without it, what is set stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<Map<String, Value>>,
    /// `false` only installs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<bool>,
}

/// `GET /api/plugins`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PluginList {
    /// How many are in this answer.
    pub count: usize,
    /// How many there are that the filters take.
    #[serde(default)]
    pub total: usize,
    /// What `?cursor=` takes to see those behind the last, where there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// By id.
    pub plugins: BTreeMap<String, Item>,
}

/// One plugin in the list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Item {
    /// The id, in the older spelling.
    #[serde(rename = "ID")]
    pub upper_id: String,
    /// The name, in the older spelling.
    #[serde(rename = "Name")]
    pub upper_name: String,
    /// The version, in the older spelling.
    #[serde(rename = "Version")]
    pub upper_version: String,
    /// The description, in the older spelling.
    #[serde(rename = "Description")]
    pub upper_description: String,
    /// The author, in the older spelling.
    #[serde(rename = "Author")]
    pub upper_author: String,
    /// The endpoints, in the older spelling.
    #[serde(rename = "Endpoints")]
    pub upper_endpoints: Vec<Endpoint>,
    /// The permissions, in the older spelling.
    #[serde(rename = "Permissions")]
    pub upper_permissions: Vec<String>,
    /// The dependencies, in the older spelling.
    #[serde(rename = "Dependencies")]
    pub upper_dependencies: Vec<String>,
    /// The compatibility, in the older spelling.
    #[serde(rename = "Compatibility")]
    pub upper_compatibility: BTreeMap<String, String>,
    /// What plugin.yaml says.
    pub metadata: Metadata,
    /// What is true now.
    pub status: Status,
    /// Where it comes from.
    pub source: String,
    /// The commit, for a git source.
    pub commit: Option<String>,
    /// When it was loaded.
    pub loaded_at: Option<u64>,
    /// The artifact's digest.
    pub file_path: String,
    /// Whether the operator wants it to serve, or to rest until it is started.
    pub enabled: bool,
    /// Goal and phase in one of six words of older clients: `uninstalled`, `installed`, `enabled`, `running`, `stopped` or
    /// `disabled`.
    #[serde(default)]
    pub state: String,
    /// What was asked for: `installed`, `running`, `stopped`, `disabled` or `absent`; null while its first load is on the way.
    pub goal: Option<String>,
    /// The revision with which that was asked for; 0 for none.
    pub revision: u64,
    /// The versions before, newest first: what a rollback goes back to.
    pub kept: Vec<Kept>,
    /// Which newer versions are taken; null while its first load is on the way.
    pub update: Option<UpdateRule>,
    /// The newest version that its repository has, when that is not installed; null when none is known.
    pub update_available: Option<Update>,
    /// Why the host took it out of service until the operator says otherwise.
    pub quarantine: Option<String>,
    /// How often in a row it failed to start or to work.
    pub failures_in_a_row: u32,
    /// `fetching`, `building`, `loading`, `running`, `degraded`, `draining`, `stopped`, `failed` or `quarantined`.
    pub phase: String,
    /// The generation that serves.
    pub generation: Option<u64>,
    /// All generations that have not ended, and the last that have.
    pub generations: Vec<Generation>,
    /// What plugin.yaml's check had to say.
    pub warnings: Vec<String>,
    /// Why the newest operation failed, if it did.
    pub last_error: Option<LastError>,
}

/// An earlier version of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Kept {
    /// Its version.
    pub version: String,
    /// Where it comes from.
    pub source: String,
    /// The commit, for a git source.
    pub commit: Option<String>,
    /// The artifact's digest.
    pub artifact: String,
    /// When it was let in.
    pub loaded_at: u64,
}

/// Why an operation failed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastError {
    /// A stable word.
    pub code: String,
    /// What failed and why.
    pub message: String,
    /// When.
    pub at_unix_ms: u64,
}

/// One generation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Generation {
    /// Its number.
    pub number: u64,
    /// Version of the plugin.
    pub version: String,
    /// `running`, `draining`, `stopping`, `quiescing`, `kept` or `unmapped`.
    pub phase: String,
    /// Calls not answered to their last byte.
    pub in_flight: usize,
    /// Requests that its endpoints were asked.
    pub requests: u64,
    /// What of it is left, in words, while it is quiescing or kept.
    pub held_by: Vec<String>,
    /// Bytes of its library's mapping; 0 when it is unmapped.
    pub mapped_bytes: usize,
    /// Bytes of heap that the plugin holds; `null` when it was built without counting them.
    pub live_bytes: Option<u64>,
    /// Bytes of heap that it left behind when it was unmapped.
    pub left_bytes: Option<u64>,
    /// From the swap until it was unmapped, in milliseconds.
    pub unmapped_after_ms: Option<f64>,
}

/// What plugin.yaml says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Metadata {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The version.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// Who wrote it.
    pub author: String,
    /// What it serves.
    pub endpoints: Vec<Endpoint>,
    /// What it may ask of the host.
    pub permissions: Vec<String>,
    /// The plugins it needs.
    pub dependencies: Vec<String>,
    /// Names and values that a `?selector=` chooses by.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The defaults of its configuration.
    pub configuration: Map<String, Value>,
    /// Where it runs and what it may reach.
    pub security: SecurityMetadata,
    /// How it is probed.
    pub health: HealthMetadata,
}

/// One endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Endpoint {
    /// Below the plugin's mount.
    pub path: String,
    /// The method.
    pub method: String,
    /// The handler in the code.
    pub handler: String,
    /// What it does.
    pub description: String,
}

/// Where a plugin runs and what it may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecurityMetadata {
    /// Whether it says that it uses the network.
    pub network_access: bool,
    /// Whether it says that it uses files.
    pub filesystem_access: bool,
    /// Whether it runs in a process of its own.
    pub sandboxed: bool,
}

/// How a plugin is probed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthMetadata {
    /// Whether it is.
    pub enabled: bool,
    /// The time between two probes.
    pub interval_seconds: u64,
}

/// What is true of a plugin now, in the words of older clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The id.
    pub id: String,
    /// `enabled`, `disabled`, `failed` or `loading`.
    pub status: String,
    /// `healthy`, `unhealthy`, `degraded` or `unknown`.
    pub health: String,
    /// Seconds since the serving generation started.
    pub uptime: f64,
    /// When its newest probe ended.
    pub last_updated: Option<u64>,
    /// Requests answered since the host started.
    pub request_count: u64,
    /// Those with a status of 500 or more.
    pub error_count: u64,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// `GET /api/plugins/:id`: the item, with its parts where older clients look for them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Plugin {
    /// The parts.
    pub plugin: PluginParts,
    /// The item of the list.
    #[serde(flatten)]
    pub item: Item,
}

/// The parts of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PluginParts {
    /// What plugin.yaml says.
    pub metadata: Metadata,
    /// What is true now.
    pub status: Status,
    /// Where its endpoints answer.
    pub routes: Vec<Route>,
}

/// Where an endpoint answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Route {
    /// The method.
    pub method: String,
    /// The whole path.
    pub path: String,
    /// The handler in the code.
    pub handler: String,
}

/// `GET /api/plugins/:id/status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatusAnswer {
    /// The id.
    pub plugin_id: String,
    /// The state.
    pub status: State,
}

/// The state of a plugin, in the words of older clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct State {
    /// `loading`, `loaded`, `error`, `unloading` or `unloaded`.
    pub state: String,
    /// `healthy`, `unhealthy`, `degraded` or `unknown`.
    pub health: String,
    /// When its newest probe ended.
    pub last_check: Option<u64>,
    /// What is wrong.
    pub errors: Vec<StateError>,
    /// Numbers of this plugin.
    pub metrics: BTreeMap<String, f64>,
    /// As `23.4s`.
    pub uptime: String,
    /// Requests answered since the host started.
    pub request_count: u64,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateError {
    /// A stable word.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// Since when.
    pub timestamp: Option<u64>,
}

/// `POST /api/plugins/upload`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UploadAnswer {
    /// To be installed with `POST /api/plugins/install/:id`; absent when the plugin is not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_id: Option<String>,
    /// What plugin.yaml's check said.
    pub validation: Validation,
    /// What plugin.yaml says, when it is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// What plugin.yaml's check said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Validation {
    /// Whether it may be installed.
    pub valid: bool,
    /// What is wrong.
    pub errors: Vec<FieldError>,
}

/// The answer to `GET /api/plugins/:id/config`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Configuration {
    /// The plugin.
    pub id: String,
    /// The revision of what is asked for; also the `ETag`.
    #[serde(default)]
    pub revision: u64,
    /// What is in use: the defaults, and over them what is set.
    pub configuration: serde_json::Map<String, serde_json::Value>,
    /// What plugin.yaml gives.
    pub defaults: serde_json::Map<String, serde_json::Value>,
    /// What the host's configuration file sets.
    #[serde(default)]
    pub host_file: serde_json::Map<String, serde_json::Value>,
    /// What the operator set.
    pub set: serde_json::Map<String, serde_json::Value>,
}
