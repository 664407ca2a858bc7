//! The state of the sweeps.

use host_store::{Swept, Usage};

/// Sweeps wait for each other.
#[derive(Default)]
pub(crate) struct Cleaning {
    pub(crate) turn: tokio::sync::Mutex<()>,
}

/// The build cache and what else lies on disk. All measured.
#[derive(Clone, Debug, PartialEq)]
pub struct CacheReport {
    /// What lies there.
    pub usage: Usage,
    /// Builds that were asked for since the host started.
    pub builds: u64,
    /// Those that an earlier one answered.
    pub hits: u64,
    /// When the last sweep ended, in milliseconds since 1970.
    pub last_cleanup_unix_ms: Option<u64>,
    /// Most bytes in the build cache.
    pub max_bytes: u64,
    /// Whether builds are answered by earlier ones.
    pub enabled: bool,
}

/// What a sweep removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// What was removed.
    pub swept: Swept,
    /// Whether artifacts and trees were left alone, because what is asked for of a plugin is not known.
    pub store_was_left: bool,
}
