//! The values that are read when the metrics are requested.

use std::time::Duration;

use prometheus::{Encoder as _, IntCounter, TextEncoder, proto};

use super::Metrics;

/// The values of the label `phase`.
const PHASES: [&str; 9] =
    ["fetching", "building", "loading", "running", "degraded", "draining", "stopped", "failed", "quarantined"];
const HEALTH: [&str; 4] = ["healthy", "degraded", "unhealthy", "unknown"];

impl Metrics {
    /// Returns all metric families of the host. Sets the values that are not counted as they happen.
    pub(crate) fn gather(&self, now: &MetricsNow) -> Vec<proto::MetricFamily> {
        self.mapped.set(whole(now.mapped as u64));
        self.kept.set(whole(now.kept as u64));
        self.unloading.set(now.unloading.into());
        self.uptime.set(now.uptime.as_secs_f64());
        self.start.set(now.started_unix_seconds);
        self.process.read();
        for (state, count) in [("queued", now.jobs.0), ("running", now.jobs.1)] {
            self.jobs.with_label_values(&[state]).set(whole(count as u64));
        }
        let builds = &now.builds;
        let built = builds.builds.saturating_sub(builds.cache_hits + builds.failures);
        for (outcome, count) in [("built", built), ("cached", builds.cache_hits), ("failed", builds.failures)] {
            catch_up(&self.builds.with_label_values(&[outcome]), count);
        }
        catch_up(&self.cargo_runs, builds.cargo_runs);
        for (state, count) in [("waiting", builds.waiting), ("running", builds.running)] {
            self.builds_at_work.with_label_values(&[state]).set(whole(count));
        }
        for (words, family, of) in [
            (&PHASES[..], &self.plugins, (|plugin| plugin.phase) as fn(&PluginNow) -> &'static str),
            (&HEALTH[..], &self.plugins_by_health, |plugin| plugin.health),
        ] {
            for word in words {
                let count = now.plugins.iter().filter(|plugin| of(plugin) == *word).count();
                family.with_label_values(&[*word]).set(whole(count as u64));
            }
        }
        for plugin in &now.plugins {
            let labels = [plugin.id.as_str()];
            self.circuit_open.with_label_values(&labels).set(plugin.circuit_open.into());
            self.quarantined.with_label_values(&labels).set(plugin.quarantined.into());
            self.generation.with_label_values(&labels).set(whole(plugin.generation));
            self.in_flight.with_label_values(&labels).set(whole(plugin.in_flight as u64));
            match plugin.live_bytes {
                Some(bytes) => self.live_bytes.with_label_values(&labels).set(whole(bytes)),
                None => drop(self.live_bytes.remove_label_values(&labels)),
            }
        }
        self.registry.gather()
    }
}

/// Returns the metrics as Prometheus text.
pub(crate) fn text(families: &[proto::MetricFamily]) -> String {
    let mut text = vec![];
    // Writing to memory does not fail, and families without series were removed before.
    let _ = TextEncoder::new().encode(families, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Raises a counter to a count that is kept elsewhere.
fn catch_up(counter: &IntCounter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}

/// The values that are read when the metrics are gathered.
pub(crate) struct MetricsNow {
    pub(crate) mapped: usize,
    pub(crate) kept: usize,
    pub(crate) unloading: bool,
    pub(crate) uptime: Duration,
    pub(crate) started_unix_seconds: f64,
    /// The number of queued and of running jobs.
    pub(crate) jobs: (usize, usize),
    pub(crate) builds: host_build::Counters,
    pub(crate) plugins: Vec<PluginNow>,
}

/// The values of one plugin.
pub(crate) struct PluginNow {
    pub(crate) id: String,
    pub(crate) phase: &'static str,
    pub(crate) health: &'static str,
    /// The number of the serving generation, or 0.
    pub(crate) generation: u64,
    /// The requests in flight on all its generations.
    pub(crate) in_flight: usize,
    /// The heap memory of the serving generation, in bytes.
    pub(crate) live_bytes: Option<u64>,
    /// True if its calls are refused because health probes fail.
    pub(crate) circuit_open: bool,
    /// True if it is quarantined until an operator acts.
    pub(crate) quarantined: bool,
}
