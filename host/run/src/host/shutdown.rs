//! The shutdown of a host.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use host_call::Generation;
use host_core::PluginId;
use host_core::event::EventKind;
use tokio::time::Instant;

use crate::state::Host;

impl Host {
    /// Ends jobs, including builds. Generations continue to serve.
    pub fn begin_shutdown(&self) {
        if !self.is_stopping() {
            self.0.events.publish(None, None, EventKind::HostStopping);
        }
        self.0.stopping.cancel();
    }

    /// Ends jobs, including builds, and then every generation, dependants before the plugins that they depend on:
    /// drained for at most `grace` in all, and stopped.
    pub async fn shutdown(&self, grace: Duration) {
        self.begin_shutdown();
        let drain_until = Instant::now() + grace;
        let stop_timeout = self.config().stop_timeout;
        let end = drain_until + stop_timeout;
        self.retire_all(drain_until, end).await;
        self.0.tasks.close();
        // Plugins that were retired at the time limit still get the time of a stop hook.
        let end = end.max(Instant::now() + stop_timeout);
        if tokio::time::timeout_at(end, self.0.tasks.wait()).await.is_err() {
            tracing::warn!("some work did not end within the grace period");
        }
        self.write_ended_jobs().await;
        self.0.events.close().await;
        self.0.state.close().await;
    }

    /// Retires all generations in waves: a generation waits until its dependants have ended, at most until `end`.
    async fn retire_all(&self, drain_until: Instant, end: Instant) {
        let mut left = self.0.roster.all();
        while !left.is_empty() {
            let needed: BTreeSet<PluginId> =
                left.iter().flat_map(|generation| self.started_before(generation)).collect();
            let (mut wave, mut others): (Vec<_>, Vec<_>) =
                left.into_iter().partition(|generation| !needed.contains(&generation.id));
            // Plugins in a cycle are retired together, and after the time limit all that are left.
            if wave.is_empty() || Instant::now() >= end {
                wave.append(&mut others);
            }
            left = others;
            let drain_timeout = drain_until.saturating_duration_since(Instant::now());
            let retired = wave.iter().filter_map(|generation| self.0.roster.remove(&generation.id));
            let ended: Vec<_> = retired.map(|generation| self.retire_with(generation, drain_timeout, None)).collect();
            drop(wave);
            if !left.is_empty() {
                let _ = tokio::time::timeout_at(end, futures_util::future::join_all(ended)).await;
            }
        }
    }

    /// The plugins that are started before the plugin of a generation.
    fn started_before(&self, generation: &Arc<Generation>) -> Vec<PluginId> {
        let plugin = self.0.plugins.get(&generation.id).map(|entry| entry.value().clone());
        plugin.and_then(|plugin| Some(plugin.state().installed.as_ref()?.after())).unwrap_or_default()
    }
}
