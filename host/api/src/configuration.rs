//! The settings of the host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The settings of the host, by key, with their origins.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemConfiguration {
    /// Result of a change in one sentence; empty if nothing was changed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The settings that were changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// Parts of the request that had no effect, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The origin of each setting, such as `default` or the configuration file.
    pub origins: BTreeMap<String, String>,
    /// New values that take effect at the next start of the host.
    pub pending: Map<String, Value>,
    /// Settings that cannot be changed over the API.
    pub fixed: Vec<String>,
    /// The sections of the configuration file for repositories and plugins that are in use, by key, with secrets
    /// masked.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub sections: Map<String, Value>,
    /// The settings, by key.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}
