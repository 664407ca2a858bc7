//! What all plugins of a host share.

use std::sync::{Arc, OnceLock};

use host_core::{Manifest, PluginId};
use host_load::{LogEvent, LogLevel};
use host_state::Kv;

use crate::call::CallPlugin;
use crate::events::EventBus;
use crate::fetch::{FetchConfig, Tls};
use crate::metrics::PluginMetrics;
use crate::plugin::PluginServices;
use crate::secrets::Secrets;

/// Where the log lines of plugins go.
pub trait LogSink: Send + Sync + 'static {
    /// Takes a line or a structured event. Must not block.
    fn log(&self, plugin: &PluginId, generation: u64, event: &LogEvent<'_>);

    /// The most verbose level that is wanted of this plugin.
    fn level(&self, plugin: &PluginId) -> LogLevel;
}

/// What the services are made of.
pub struct Parts {
    /// The key-value store.
    pub kv: Kv,
    /// Where secrets lie.
    pub secrets: Secrets,
    /// How the host fetches for plugins.
    pub fetch: FetchConfig,
    /// Where log lines go.
    pub log: Arc<dyn LogSink>,
}

/// The services of a host. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct HostServices {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) parts: Parts,
    pub(crate) bus: EventBus,
    pub(crate) metrics: PluginMetrics,
    pub(crate) tls: Tls,
    pub(crate) calls: OnceLock<Arc<dyn CallPlugin>>,
}

impl HostServices {
    /// The services of a host that starts.
    pub fn new(parts: Parts) -> HostServices {
        let tls = Tls::new(&parts.fetch);
        let shared =
            Shared { parts, bus: EventBus::default(), metrics: PluginMetrics::default(), tls, calls: OnceLock::new() };
        HostServices { shared: Arc::new(shared) }
    }

    /// Says who takes calls between plugins. Until then they are answered with 503. Only the first one counts.
    pub fn set_calls(&self, calls: Arc<dyn CallPlugin>) {
        let _ = self.shared.calls.set(calls);
    }

    /// The services of one generation, with what its plugin.yaml permits.
    pub fn of_generation(&self, manifest: &Arc<Manifest>, generation: u64) -> Arc<PluginServices> {
        Arc::new(PluginServices::new(self.shared.clone(), manifest.clone(), generation))
    }

    /// The key-value store.
    pub fn kv(&self) -> &Kv {
        &self.shared.parts.kv
    }

    /// The event bus.
    pub fn events(&self) -> &EventBus {
        &self.shared.bus
    }

    /// The metrics of plugins.
    pub fn metrics(&self) -> &PluginMetrics {
        &self.shared.metrics
    }
}
