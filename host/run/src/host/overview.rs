//! The state of the host in numbers.

use std::time::{Duration, Instant};

use host_call::LogLine;
use host_core::health::Health;

use crate::model::Error;
use crate::state::Host;

/// The state of the host in numbers. All are measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// Installed plugins.
    pub plugins: usize,
    /// Healthy plugins.
    pub healthy: usize,
    /// Degraded plugins.
    pub degraded: usize,
    /// Unhealthy plugins.
    pub unhealthy: usize,
    /// Plugins that are not probed or do not serve.
    pub unknown: usize,
    /// Endpoints that are served.
    pub routes: usize,
    /// Requests answered by the installed plugins.
    pub requests: u64,
    /// Responses with status 500 or higher.
    pub errors: u64,
    /// Plugin libraries mapped into memory.
    pub mapped: usize,
    /// Plugin libraries kept in memory by ended generations.
    pub kept: usize,
    /// Builds since the host started.
    pub builds: u64,
    /// Builds answered by the build cache.
    pub cache_hits: u64,
    /// The time since the host started.
    pub uptime: Duration,
}

impl Host {
    /// The stored log lines of a plugin numbered `from` and higher.
    pub fn plugin_lines(&self, id: &str, from: u64) -> Option<Vec<LogLine>> {
        let plugin = self.0.plugins.get(id)?.value().clone();
        Some(plugin.lines(from))
    }

    /// The state of the host in numbers.
    pub fn overview(&self) -> Overview {
        let plugins = self.plugins();
        let count = |health: Health| plugins.iter().filter(|plugin| plugin.health.health == health).count();
        let counters = self.0.builder.counters();
        Overview {
            plugins: plugins.len(),
            healthy: count(Health::Healthy),
            degraded: count(Health::Degraded),
            unhealthy: count(Health::Unhealthy),
            unknown: count(Health::Unknown),
            routes: self.0.roster.all().iter().map(|generation| generation.manifest.endpoints.len()).sum(),
            requests: plugins.iter().map(|plugin| plugin.requests).sum(),
            errors: plugins.iter().map(|plugin| plugin.errors).sum(),
            mapped: host_load::mapped_libraries(),
            kept: host_load::kept_libraries().len(),
            builds: counters.builds,
            cache_hits: counters.cache_hits,
            uptime: self.0.started.elapsed(),
        }
    }

    /// The disk usage. Blocks while it is measured.
    ///
    /// # Errors
    /// A data folder could not be read.
    pub fn usage(&self) -> Result<host_store::Usage, Error> {
        Ok(self.0.store.usage()?)
    }

    /// Compiles the SDK in the background, so that the build of the first plugin does not have to.
    pub fn warm(&self) {
        let builder = self.0.builder.clone();
        let stopping = self.0.stopping.clone();
        self.0.tasks.spawn(async move {
            let started = Instant::now();
            let lines = |line: &str| tracing::debug!(target: "build", "{line}");
            let warmed = tokio::select! {
                warmed = builder.warm(&lines) => warmed,
                () = stopping.cancelled() => return,
            };
            match warmed {
                Ok(()) => {
                    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                    tracing::info!(duration_ms, "the SDK was compiled in advance; builds of plugins reuse it");
                }
                Err(error) => tracing::warn!("failed to compile the SDK in advance: {error}"),
            }
        });
    }
}
