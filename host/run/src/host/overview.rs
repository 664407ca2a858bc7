//! The handle that all surfaces use.

use std::time::{Duration, Instant};

use host_call::LogLine;
use host_core::health::Health;

use crate::model::Error;
use crate::state::Host;

/// The host in numbers. All measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// Installed plugins.
    pub plugins: usize,
    /// Of those, healthy ones.
    pub healthy: usize,
    /// Degraded ones.
    pub degraded: usize,
    /// Unhealthy ones.
    pub unhealthy: usize,
    /// Those that are not probed or do not serve.
    pub unknown: usize,
    /// Routes that are served.
    pub routes: usize,
    /// Requests answered by the installed plugins.
    pub requests: u64,
    /// Those with a status of 500 or more.
    pub errors: u64,
    /// Libraries of plugins that are mapped.
    pub mapped: usize,
    /// Of those, the ones that ended generations keep.
    pub kept: usize,
    /// Builds that were asked for.
    pub builds: u64,
    /// Builds that were answered from the cache.
    pub cache_hits: u64,
    /// Time since the host started.
    pub uptime: Duration,
}

impl Host {
    /// The last log lines of a plugin, numbered `from` and later.
    pub fn plugin_lines(&self, id: &str, from: u64) -> Option<Vec<LogLine>> {
        let plugin = self.0.plugins.get(id)?.value().clone();
        Some(plugin.lines(from))
    }

    /// The host in numbers.
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

    /// The size of what is on disk. Blocks while it counts.
    ///
    /// # Errors
    /// A data folder could not be read.
    pub fn usage(&self) -> Result<host_store::Usage, Error> {
        Ok(self.0.store.usage()?)
    }

    /// Compiles the SDK in the background, so that the first plugin need not wait for it.
    pub fn warm(&self) {
        let (builder, stopping) = (self.0.builder.clone(), self.0.stopping.clone());
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
                    tracing::info!(duration_ms, "the SDK is compiled: builds of plugins start warm");
                }
                Err(error) => tracing::warn!("failed to compile the SDK in advance: {error}"),
            }
        });
    }
}
