//! What an operator can choose about builds.

use std::path::PathBuf;
use std::time::Duration;

/// What an operator can choose about builds.
#[derive(Clone)]
pub struct Config {
    /// The cargo to run; a bare name is looked up in the `PATH` of `environment`.
    pub cargo: PathBuf,
    /// The rustc that cargo runs; a bare name is looked up in the same `PATH`.
    pub rustc: PathBuf,
    /// How many builds run at once, each with a target folder of its own: 1 to 8.
    pub slots: usize,
    /// How many builds may wait for a slot.
    pub queue_limit: usize,
    /// How long a build may wait for a slot.
    pub queue_timeout: Duration,
    /// How long cargo may write nothing.
    pub silence_timeout: Duration,
    /// The environment that cargo and all it starts see, besides what the build sets itself and the manifest adds.
    /// Without a `PATH` neither cargo nor a linker is found in most installations.
    pub environment: Vec<(String, String)>,
    /// Whether cargo may use only what it has already downloaded.
    pub offline: bool,
    /// Whether builds are an author's, who changes a line and wants to see it: not optimised, without debug
    /// information, incremental, in a folder that stays. No other build shares their target folder.
    pub development: bool,
}

impl Config {
    /// The most slots that make sense: each holds a compiled copy of the SDK.
    pub const MAX_SLOTS: usize = 8;
}

impl Default for Config {
    /// cargo and rustc from `PATH`, two slots (one on a single core), 32 waiting for at most 15 minutes, 5 minutes of
    /// silence, an empty environment, online, as installed plugins are built.
    fn default() -> Config {
        Config {
            cargo: "cargo".into(),
            rustc: "rustc".into(),
            slots: std::thread::available_parallelism().map_or(1, |n| n.get().min(2)),
            queue_limit: 32,
            queue_timeout: Duration::from_secs(900),
            silence_timeout: Duration::from_secs(300),
            environment: Vec::new(),
            offline: false,
            development: false,
        }
    }
}
