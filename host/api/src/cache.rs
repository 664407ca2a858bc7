//! The build cache and the stored artifacts.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Response of `GET /api/plugins/cache/info`. All values are measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CacheInfo {
    /// Share of the builds since the host started that used a result of the cache, from 0 to 1;
    /// 0 before the first build.
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
    /// Number of builds that used a result of the cache.
    pub hits: u64,
    /// Time of the last cleanup.
    pub last_cleanup_unix_ms: Option<u64>,
    /// Number of stored artifacts: installed versions, rollback versions, and artifacts that the next cleanup deletes.
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
    /// Number of folders of the build cache that were not deleted because a build uses them.
    pub in_use: u64,
    /// True if artifacts and source trees were not deleted because the desired state of a plugin is damaged.
    pub store_was_left: bool,
}
