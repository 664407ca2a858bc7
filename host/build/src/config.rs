//! The operator's build settings.

use std::path::PathBuf;
use std::time::Duration;

/// The operator's build settings.
#[derive(Clone)]
pub struct Config {
    /// The cargo to run; a bare name is looked up in the `PATH` of `environment`.
    pub cargo: PathBuf,
    /// The rustc that cargo runs; a bare name is looked up in the same `PATH`.
    pub rustc: PathBuf,
    /// The number of concurrent builds, each with its own target folder: 1 to 8.
    pub slots: usize,
    /// The maximum number of builds waiting for a slot.
    pub queue_limit: usize,
    /// The maximum time a build waits for a slot.
    pub queue_timeout: Duration,
    /// The maximum time without output of cargo.
    pub silence_timeout: Duration,
    /// The environment of cargo and its children, in addition to the variables set by the build and the manifest. Most
    /// installations need `PATH` to find cargo and a linker.
    pub environment: Vec<(String, String)>,
    /// Whether cargo may use only downloaded crates.
    pub offline: bool,
    /// Whether builds are for development: not optimised, without debug information, incremental, in a persistent
    /// folder. Other builds do not share their target folder.
    pub development: bool,
}

impl Config {
    /// The maximum number of slots: each holds a compiled copy of the SDK.
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
