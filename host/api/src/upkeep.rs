//! The build cache, the host's settings, and the isolation of plugins.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Response of `GET /api/plugins/cache/info`. All values are measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CacheInfo {
    /// Share of builds since the host started that the cache answered, from 0 to 1; 0 before the first build.
    pub hit_rate: f64,
    /// Time of the last cleanup in RFC 3339 format; null before the first one.
    pub last_cleanup: Option<String>,
    /// Number of cached builds.
    pub num_entries: u64,
    /// Size of the build cache in readable form, such as `1.2GB`.
    pub total_size: String,
    /// Size of the build cache in bytes.
    pub total_bytes: u64,
    /// Maximum size of the build cache in bytes. The least recently used builds are deleted first.
    pub max_bytes: u64,
    /// True if the build cache is used.
    pub enabled: bool,
    /// Number of builds since the host started.
    pub builds: u64,
    /// Number of builds that the cache answered.
    pub hits: u64,
    /// Time of the last cleanup.
    pub last_cleanup_unix_ms: Option<u64>,
    /// Number of stored artifacts: installed versions, versions kept for rollbacks, and artifacts to be deleted by
    /// the next cleanup.
    pub artifacts: u64,
    /// Size of the stored artifacts in bytes.
    pub artifact_bytes: u64,
    /// Number of stored source trees.
    pub trees: u64,
    /// Size of the stored source trees in bytes.
    pub tree_bytes: u64,
}

/// Response of `DELETE /api/plugins/cache`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CacheCleared {
    /// The result in one sentence.
    pub message: String,
    /// Number of freed bytes.
    pub freed_bytes: u64,
    /// Number of deleted builds.
    pub builds: u64,
    /// Number of deleted artifacts.
    pub artifacts: u64,
    /// Number of deleted source trees.
    pub trees: u64,
    /// Number of folders of the build cache that were kept because a build uses them.
    pub in_use: u64,
    /// True if artifacts and source trees were kept because the desired state of a plugin is damaged.
    pub store_was_left: bool,
}

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

/// Response of `GET /api/system/isolation`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Isolation {
    /// How plugins run: `in-process`.
    pub mode: String,
    /// Number of plugins that run inside the host's process, with all its rights.
    pub in_process: usize,
    /// Number of plugins that run in a process of their own.
    pub isolated: usize,
    /// Isolation mechanisms of this machine and their state.
    pub layers: Vec<IsolationLayer>,
}

/// An isolation mechanism.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IsolationLayer {
    /// The mechanism's name.
    pub name: String,
    /// True if this machine supports it; null if that cannot be determined.
    pub available: Option<bool>,
    /// True if it applies to the host and its plugins; null if that cannot be determined.
    pub active: Option<bool>,
    /// Details, such as the version or limits found.
    pub detail: String,
}
