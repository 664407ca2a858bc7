//! The status of a plugin.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The current status of a plugin, with the values that older clients expect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The plugin's id.
    pub id: String,
    /// `enabled`, `disabled`, `failed` or `loading`.
    pub status: String,
    /// `healthy`, `unhealthy`, `degraded` or `unknown`.
    pub health: String,
    /// Seconds since the serving generation started.
    pub uptime: f64,
    /// Time of the last probe.
    pub last_updated: Option<u64>,
    /// Number of requests since the host started.
    pub request_count: u64,
    /// Number of responses with a status of 500 or higher.
    pub error_count: u64,
    /// The current problem, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
}

/// Response of `GET /api/plugins/:id/status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatusResponse {
    /// The plugin's id.
    pub plugin_id: String,
    /// The state.
    pub status: PluginState,
}

/// The state of a plugin, with the values that older clients expect.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PluginState {
    /// `loading`, `loaded`, `error`, `unloading` or `unloaded`.
    pub state: String,
    /// `healthy`, `unhealthy`, `degraded` or `unknown`.
    pub health: String,
    /// Time of the last probe.
    pub last_check: Option<u64>,
    /// The current problems.
    pub errors: Vec<PluginStateError>,
    /// Counters of this plugin, by name.
    pub metrics: BTreeMap<String, f64>,
    /// Uptime of the serving generation as a Go duration, such as `23.4s`.
    pub uptime: String,
    /// Number of requests since the host started.
    pub request_count: u64,
}

/// A problem of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PluginStateError {
    /// The error code.
    pub code: String,
    /// The error message.
    pub message: String,
    /// Time of the problem.
    pub timestamp: Option<u64>,
}
