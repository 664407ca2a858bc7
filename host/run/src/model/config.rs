//! How the host runs plugins.

use std::collections::BTreeMap;
use std::time::Duration;

use host_call::SpanSink;
use host_core::manifest::Mode;
use host_core::plan::Patience;
use host_core::{PluginId, probation};
use serde_json::{Map, Value};

use crate::model::Trial;

/// How the host runs plugins.
#[derive(Clone, Debug)]
pub struct Config {
    /// How strictly plugin.yaml is read.
    pub mode: Mode,
    /// Version of the host, for `compatibility.host`.
    pub host_version: semver::Version,
    /// How sources are fetched.
    pub fetch: host_fetch::Config,
    /// How long a library may take to open, and a plugin to start.
    pub start_timeout: Duration,
    /// How long a plugin's stop hook may take.
    pub stop_timeout: Duration,
    /// How long calls of a replaced generation may go on before they are cut.
    pub drain_timeout: Duration,
    /// How many ended generations may be kept in memory before operations that open a library are refused.
    pub max_kept_generations: usize,
    /// How many versions of a plugin stay, beside the one that is asked for.
    pub max_kept_versions: usize,
    /// How plugins that fail to start or to work are taken.
    pub patience: Patience,
    /// How a version that replaces another is judged, and taken back.
    pub probation: probation::Rules,
    /// How many events the journal keeps.
    pub max_events: u64,
    /// How many entries the audit log keeps.
    pub max_audit_entries: u64,
    /// Endpoints with a longer timeout are refused.
    pub max_endpoint_timeout: Duration,
    /// Uploads that were not installed are removed after this.
    pub upload_lifetime: Duration,
    /// What one plugin may keep in the key-value store.
    pub kv: host_state::Limits,
    /// How the host fetches for plugins.
    pub plugin_fetch: host_services::FetchConfig,
    /// Where the secrets of plugins lie.
    pub secrets: host_services::Secrets,
    /// What the host's configuration file sets for each plugin, over the defaults of its plugin.yaml.
    pub configurations: BTreeMap<PluginId, Map<String, Value>>,
    /// Where indexes of plugins lie, the first counts before the others.
    pub indexes: Vec<host_core::Source>,
    /// How long what an index said is taken for true.
    pub index_keep: Duration,
    /// Whether builds are answered by earlier ones.
    pub cache_enabled: bool,
    /// Most bytes in the build cache; what was used least recently goes first.
    pub cache_max_bytes: u64,
    /// Artifacts and trees that no plugin refers to any more are removed after this.
    pub unreferenced_keep: Duration,
    /// The time between two sweeps.
    pub sweep_interval: Duration,
    /// Where a library that this host has not built starts first; `None` opens it here at once.
    pub trial: Option<Trial>,
    /// Where the spans of requests go; `None` for nowhere.
    pub spans: Option<SpanSink>,
}

impl Config {
    /// The defaults, for a host of `host_version`.
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
            max_endpoint_timeout: Duration::from_secs(300),
            upload_lifetime: Duration::from_secs(3600),
            kv: host_state::Limits::default(),
            plugin_fetch: host_services::FetchConfig::default(),
            secrets: host_services::Secrets::default(),
            configurations: BTreeMap::new(),
            indexes: vec![],
            index_keep: Duration::from_secs(600),
            cache_enabled: true,
            cache_max_bytes: 20_000_000_000,
            unreferenced_keep: Duration::from_secs(24 * 60 * 60),
            sweep_interval: Duration::from_secs(3600),
            trial: None,
            spans: None,
        }
    }
}
