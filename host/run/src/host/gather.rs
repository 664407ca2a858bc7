//! Gathering of all metrics.

use std::time::{Duration, Instant};

use host_call::Admitted;
use host_load::Hook;

use crate::metrics;
use crate::metrics::{FrontMetrics, MetricFamily, MetricsNow, PluginNow};
use crate::state::Host;

/// The timeout of a plugin's `metrics` hook.
const METRICS_TIMEOUT: Duration = Duration::from_secs(1);
/// The time for which a measurement of the disk usage is valid.
const DISK_INTERVAL: Duration = Duration::from_secs(60);

impl Host {
    /// All metrics as Prometheus text. The `metrics` hooks of plugins run first.
    pub async fn metrics(&self) -> String {
        metrics::text(&self.gather().await)
    }

    /// All metrics as values, ordered by name.
    pub async fn metric_families(&self) -> Vec<MetricFamily> {
        let mut families: Vec<_> = self.gather().await.iter().map(MetricFamily::from_proto).collect();
        families.sort_by(|a, b| a.name.cmp(&b.name));
        families
    }

    /// The metrics of the HTTP server, which the server counts.
    pub fn front_metrics(&self) -> &FrontMetrics {
        &self.0.metrics.front
    }

    async fn gather(&self) -> Vec<prometheus::proto::MetricFamily> {
        self.measure_disk();
        let serving = self.0.roster.all().into_iter();
        let hooks = serving.filter(|generation| generation.instance.has(&Hook::Metrics)).map(|generation| async move {
            // Counted like a call, so that the stop hook does not run during the hook.
            if let Some(counted) = Admitted::to_open(&generation) {
                counted.generation().run_hook(&Hook::Metrics, METRICS_TIMEOUT).await;
            }
        });
        let hooks = hooks.collect::<Vec<_>>();
        futures_util::future::join_all(hooks).await;
        let plugins = self.plugins();
        let mut families = self.0.metrics.gather(&MetricsNow {
            mapped: host_load::mapped_libraries(),
            kept: host_load::kept_libraries().len(),
            unloading: self.unloading().is_ok(),
            uptime: self.0.started.elapsed(),
            started_unix_seconds: self.0.started_unix_seconds,
            jobs: self.0.jobs.count(),
            builds: self.0.builder.counters(),
            plugins: plugins
                .iter()
                .map(|plugin| {
                    let in_flight = plugin.generations.iter().map(|generation| generation.in_flight).sum();
                    let generation = plugin.generation.unwrap_or(0);
                    let serving = plugin.generations.iter().find(|view| view.number == generation);
                    let live_bytes = serving.and_then(|view| view.live_bytes);
                    let circuit_open = plugin.circuit_is_open;
                    let quarantined = plugin.desired.as_ref().is_some_and(|desired| desired.quarantine.is_some());
                    let id = plugin.id.to_string();
                    let phase = plugin.phase.as_str();
                    let health = plugin.health.health.as_str();
                    PluginNow { id, phase, health, generation, in_flight, live_bytes, circuit_open, quarantined }
                })
                .collect(),
        });
        families.extend(self.0.services.metrics().gather());
        families
    }

    /// Measures the disk usage in the background, and not often, since there may be many files.
    fn measure_disk(&self) {
        let mut measured = self.0.disk_measured.lock();
        if self.is_stopping() || measured.is_some_and(|at| at.elapsed() < DISK_INTERVAL) {
            return;
        }
        *measured = Some(Instant::now());
        let host = self.clone();
        drop(tokio::task::spawn_blocking(move || match host.usage() {
            Ok(usage) => host.0.metrics.on_disk(&usage),
            Err(error) => tracing::warn!("failed to measure the disk usage: {error}"),
        }));
    }
}
