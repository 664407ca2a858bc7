//! The services of a host, from which each generation gets its own.

use std::sync::Arc;

use host_core::Manifest;
use host_state::Kv;

use crate::call::CallPlugin;
use crate::events::EventBus;
use crate::metrics::PluginMetrics;
use crate::plugin::PluginServices;
use crate::shared::{ServiceParts, Shared};

/// The services of a host. Cheap to clone; all clones share their state.
#[derive(Clone)]
pub struct HostServices {
    shared: Arc<Shared>,
}

impl HostServices {
    /// Creates the services of a host.
    pub fn new(parts: ServiceParts) -> HostServices {
        HostServices { shared: Arc::new(Shared::new(parts)) }
    }

    /// Sets the receiver of calls between plugins. Earlier calls between plugins get 503. Only the first value is used.
    pub fn set_calls(&self, calls: Arc<dyn CallPlugin>) {
        let _ = self.shared.calls.set(calls);
    }

    /// The services of one generation, with the permissions of its plugin.yaml.
    pub fn for_generation(&self, manifest: &Arc<Manifest>, generation: u64) -> Arc<PluginServices> {
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
