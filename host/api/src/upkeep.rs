//! What the host keeps on disk, what it uses as its settings, and what keeps plugins apart from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// `GET /api/plugins/cache/info`. All measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CacheInfo {
    /// Which part of the builds since the host started was answered by an earlier one, from 0 to 1; 0 before the first build.
    pub hit_rate: f64,
    /// When what nobody needs was removed last, as RFC 3339 has it; null before the first time.
    pub last_cleanup: Option<String>,
    /// How many builds are remembered.
    pub num_entries: u64,
    /// Bytes of the build cache for people, such as `1.2GB`.
    pub total_size: String,
    /// The same as a number.
    pub total_bytes: u64,
    /// Most bytes that it may have; what was used least recently goes first.
    pub max_bytes: u64,
    /// Whether builds are answered by earlier ones.
    pub enabled: bool,
    /// Builds that were asked for since the host started.
    pub builds: u64,
    /// Of those, the ones that an earlier build answered.
    pub hits: u64,
    /// When what nobody needs was removed last.
    pub last_cleanup_unix_ms: Option<u64>,
    /// Artifacts that are stored: what is installed, what a rollback goes back to, and what goes after a while.
    pub artifacts: u64,
    /// Their bytes.
    pub artifact_bytes: u64,
    /// Trees that are stored.
    pub trees: u64,
    /// Their bytes.
    pub tree_bytes: u64,
}

/// `DELETE /api/plugins/cache`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CacheCleared {
    /// What was done, in a sentence.
    pub message: String,
    /// Bytes that are free now.
    pub freed_bytes: u64,
    /// Builds that are no longer remembered.
    pub builds: u64,
    /// Artifacts that were removed.
    pub artifacts: u64,
    /// Trees that were removed.
    pub trees: u64,
    /// Folders of the build cache that stay because a build uses them.
    pub in_use: u64,
    /// Whether artifacts and trees were left alone because what is asked for of a plugin is damaged.
    pub store_was_left: bool,
}

/// What the host uses as its settings: each by its key, and what is to be said of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemConfiguration {
    /// What was done with a change, in a sentence; empty where nothing was asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The settings that a change has changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// What of a change had no effect, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Where each setting was given.
    pub origins: BTreeMap<String, String>,
    /// Settings that were changed and count from the next start of the host.
    pub pending: Map<String, Value>,
    /// Settings that can't be changed here.
    pub fixed: Vec<String>,
    /// The settings by key.
    #[serde(flatten)]
    pub settings: Map<String, Value>,
}

/// `GET /api/system/isolation`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Isolation {
    /// How plugins run: `in-process`.
    pub mode: String,
    /// Plugins that serve inside the host's process, with all its rights.
    pub in_process: usize,
    /// Plugins that serve in a process of their own.
    pub isolated: usize,
    /// Means of keeping a process from things: what this machine has of them, and what is in effect.
    pub layers: Vec<IsolationLayer>,
}

/// One means of keeping a process from things.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IsolationLayer {
    /// Its name.
    pub name: String,
    /// Whether this machine has it; null when the system does not tell.
    pub available: Option<bool>,
    /// Whether it holds the host and its plugins now; null when the system does not tell.
    pub active: Option<bool>,
    /// What was found.
    pub detail: String,
}
