//! The parts that all generations of a host share.

use std::sync::{Arc, OnceLock};

use host_core::PluginId;
use host_load::{LogEvent, LogLevel};
use host_state::Kv;

use crate::call::CallPlugin;
use crate::events::EventBus;
use crate::fetch::{FetchConfig, Tls};
use crate::metrics::PluginMetrics;
use crate::secrets::Secrets;

/// Receives the log lines of plugins.
pub trait LogSink: Send + Sync + 'static {
    /// Receives a line or a structured event. Must not block.
    fn log(&self, plugin: &PluginId, generation: u64, event: &LogEvent<'_>);

    /// The most verbose level that this plugin should log.
    fn level(&self, plugin: &PluginId) -> LogLevel;
}

/// The parts of [`HostServices`](crate::HostServices).
pub struct ServiceParts {
    /// The key-value store.
    pub kv: Kv,
    /// The locations of the secrets.
    pub secrets: Secrets,
    /// The configuration of fetches.
    pub fetch: FetchConfig,
    /// The receiver of log lines.
    pub log: Arc<dyn LogSink>,
}

/// The parts that all generations share.
pub(crate) struct Shared {
    pub(crate) parts: ServiceParts,
    pub(crate) bus: EventBus,
    pub(crate) metrics: PluginMetrics,
    pub(crate) tls: Tls,
    /// The receiver of calls between plugins, once it is known.
    pub(crate) calls: OnceLock<Arc<dyn CallPlugin>>,
}

impl Shared {
    pub(crate) fn new(parts: ServiceParts) -> Shared {
        Shared {
            tls: Tls::new(&parts.fetch),
            parts,
            bus: EventBus::default(),
            metrics: PluginMetrics::default(),
            calls: OnceLock::new(),
        }
    }
}
