//! The state of the sweeps, and their results.

use host_store::{Swept, Usage};

/// Lets sweeps run one at a time.
#[derive(Default)]
pub(crate) struct Cleaning {
    pub(crate) turn: tokio::sync::Mutex<()>,
}

/// The measured disk usage and the use of the build cache.
#[derive(Clone, Debug, PartialEq)]
pub struct CacheReport {
    /// The disk usage.
    pub usage: Usage,
    /// The builds since the host started.
    pub builds: u64,
    /// The builds answered by the build cache.
    pub hits: u64,
    /// The end of the last sweep, in milliseconds since the Unix epoch.
    pub last_cleanup_unix_ms: Option<u64>,
    /// The limit of the build cache, in bytes.
    pub max_bytes: u64,
    /// Whether builds use the build cache.
    pub enabled: bool,
}

/// The result of a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// The removed files.
    pub swept: Swept,
    /// Whether artifacts and trees were left alone, because the desired state of a plugin is unknown.
    pub store_was_left: bool,
}
