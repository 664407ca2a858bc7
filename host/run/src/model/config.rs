//! The configuration of a host.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use host_call::SpanSink;
use host_core::manifest::Mode;
use host_core::plan::Patience;
use host_core::{PluginId, probation};
use host_load::CrashLog;
use serde_json::{Map, Value};

use crate::model::Trial;

/// The configuration of a host.
#[derive(Clone, Debug)]
pub struct Config {
    /// How strictly plugin.yaml is checked.
    pub mode: Mode,
    /// The version of the host, for `compatibility.host`.
    pub host_version: semver::Version,
    /// The configuration of fetches of sources.
    pub fetch: host_fetch::Config,
    /// The timeout for opening a library, and for starting a plugin.
    pub start_timeout: Duration,
    /// The timeout of a plugin's stop hook.
    pub stop_timeout: Duration,
    /// How long calls of a replaced generation may run before they are cancelled.
    pub drain_timeout: Duration,
    /// The number of ended generations in memory from which operations that open a library are refused.
    pub max_kept_generations: usize,
    /// The number of versions that are stored for a rollback, in addition to the current one.
    pub max_kept_versions: usize,
    /// The retries and the quarantine of plugins that fail.
    pub patience: Patience,
    /// The rules of the probation of a version that replaces another.
    pub probation: probation::Rules,
    /// The number of events in the journal.
    pub max_events: u64,
    /// The number of entries in the audit log.
    pub max_audit_entries: u64,
    /// How long a poll of a handler may take before it is counted and logged.
    pub max_poll: Duration,
    /// The longest allowed timeout of an endpoint; a plugin with a longer one is refused.
    pub max_endpoint_timeout: Duration,
    /// The time after which uploads that were not installed are removed.
    pub upload_lifetime: Duration,
    /// The limits of the key-value store for one plugin.
    pub kv: host_state::Limits,
    /// The configuration of fetches of plugins.
    pub plugin_fetch: host_services::FetchConfig,
    /// The locations of the secrets of plugins.
    pub secrets: host_services::Secrets,
    /// The settings of each plugin in the host's configuration file, which override the defaults of its plugin.yaml.
    pub configurations: BTreeMap<PluginId, Map<String, Value>>,
    /// The locations of the indexes of plugins, by descending precedence.
    pub indexes: Vec<host_core::Source>,
    /// The time for which the content of an index is cached.
    pub index_keep: Duration,
    /// Whether builds use the build cache.
    pub cache_enabled: bool,
    /// The size of the build cache in bytes above which the least recently used entries are removed.
    pub cache_max_bytes: u64,
    /// The time after which artifacts and trees without a reference are removed.
    pub unreferenced_keep: Duration,
    /// The time between two sweeps.
    pub sweep_interval: Duration,
    /// The process in which a new library is opened first; `None` opens it in this process at once.
    pub trial: Option<Trial>,
    /// The crashes of earlier host processes; `None` records none.
    pub crash_log: Option<Arc<CrashLog>>,
    /// The sink for the spans of requests; `None` records none.
    pub spans: Option<SpanSink>,
}

impl Config {
    /// The defaults, for a host of version `host_version`.
    pub fn new(host_version: semver::Version) -> Config {
        Config {
            mode: Mode::Normal,
            host_version,
            fetch: host_fetch::Config::default(),
            start_timeout: Duration::from_secs(10),
            stop_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(30),
            max_kept_generations: 100,
            max_kept_versions: 3,
            patience: Patience::default(),
            probation: probation::Rules::default(),
            max_events: 10_000,
            max_audit_entries: 100_000,
            max_poll: Duration::from_millis(50),
            max_endpoint_timeout: Duration::from_secs(300),
            upload_lifetime: Duration::from_secs(3600),
            kv: host_state::Limits::default(),
            plugin_fetch: host_services::FetchConfig::default(),
            secrets: host_services::Secrets::default(),
            configurations: BTreeMap::new(),
            indexes: vec![],
            index_keep: Duration::from_secs(600),
            cache_enabled: true,
            cache_max_bytes: 20 << 30,
            unreferenced_keep: Duration::from_secs(24 * 60 * 60),
            sweep_interval: Duration::from_secs(3600),
            trial: None,
            crash_log: None,
            spans: None,
        }
    }
}
