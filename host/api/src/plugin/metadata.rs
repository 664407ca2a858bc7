//! The fields of plugin.yaml.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The fields of plugin.yaml.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Metadata {
    /// The plugin's id.
    pub id: String,
    /// The plugin's name.
    pub name: String,
    /// The plugin's version.
    pub version: String,
    /// The plugin's description.
    pub description: String,
    /// The author.
    pub author: String,
    /// The endpoints.
    pub endpoints: Vec<Endpoint>,
    /// Permissions that the plugin requests from the host.
    pub permissions: Vec<String>,
    /// Ids of the plugins it depends on.
    pub dependencies: Vec<String>,
    /// Labels that `?selector=` matches.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The license; empty if plugin.yaml has none.
    #[serde(default)]
    pub license: String,
    /// URL of the plugin's website; empty if plugin.yaml has none.
    #[serde(default)]
    pub homepage: String,
    /// URL of the source repository; empty if plugin.yaml has none.
    #[serde(default)]
    pub repository: String,
    /// URL of the documentation; empty if plugin.yaml has none.
    #[serde(default)]
    pub documentation: String,
    /// URL of the issue tracker; empty if plugin.yaml has none.
    #[serde(default)]
    pub issues: String,
    /// The category; empty if plugin.yaml has none.
    #[serde(default)]
    pub category: String,
    /// Search terms.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The configuration defaults.
    pub configuration: Map<String, Value>,
    /// Placement and declared access.
    pub security: SecurityMetadata,
    /// Health probing.
    pub health: HealthMetadata,
}

/// An endpoint of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Endpoint {
    /// The path, relative to the plugin's mount point.
    pub path: String,
    /// The HTTP method.
    pub method: String,
    /// The name of the handler in the plugin's code.
    pub handler: String,
    /// The endpoint's description.
    pub description: String,
}

/// Placement and declared access of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SecurityMetadata {
    /// True if the plugin declares that it uses the network.
    pub network_access: bool,
    /// True if the plugin declares that it uses the file system.
    pub filesystem_access: bool,
    /// True if the plugin runs in a process of its own.
    pub sandboxed: bool,
}

/// Health probing of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthMetadata {
    /// True if the plugin is probed.
    pub enabled: bool,
    /// Time between two probes, in seconds.
    pub interval_seconds: u64,
}
