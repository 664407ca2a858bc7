//! Health probes of serving generations.

use std::sync::Arc;
use std::time::Duration;

use host_call::{Admitted, Generation};
use host_core::event::EventKind;
use host_core::health::{Health, Probe};
use host_load::CallError;

use crate::state::{Host, Input};

/// Probes a generation at the interval of its manifest until it is replaced.
pub(crate) async fn watch_health(host: Host, generation: Arc<Generation>) {
    let check = generation.manifest.health.clone();
    loop {
        tokio::select! {
            biased;
            () = generation.replaced.cancelled() => return,
            () = tokio::time::sleep(generation.probe_interval()) => {}
        }
        let before = generation.health.report(check.failure_threshold).health;
        // Counted like a call, so that the stop hook does not run during the probe.
        let Some(counted) = Admitted::to_open(&generation) else { return };
        let probe = tokio::select! {
            biased;
            () = generation.replaced.cancelled() => return,
            probe = probe(&generation) => probe,
        };
        drop(counted);
        generation.health.record_probe(&probe);
        let report = generation.health.report(check.failure_threshold);
        host.note_health(&generation, report.health);
        if report.health != before {
            let id = &generation.id;
            let health = report.health.as_str();
            let problem = report.problem.as_deref().unwrap_or("all probes pass");
            tracing::warn!(plugin.id = %id, generation = generation.number, health, "plugin `{id}` is {health}: {problem}");
            generation.note("warn", &format!("health: {health}: {problem}"));
        }
    }
}

impl Host {
    /// Acts on the health of a serving generation: opens or closes its circuit, and has an unhealthy generation
    /// replaced.
    fn note_health(&self, generation: &Generation, health: Health) {
        let Some(plugin) = self.0.plugins.get(&generation.id).map(|entry| entry.value().clone()) else { return };
        let id = &generation.id;
        let number = generation.number;
        match health {
            Health::Healthy => {
                plugin.state().attempts.is_well();
                if generation.health.set_circuit(false) {
                    tracing::info!(plugin.id = %id, generation = number, "the circuit of plugin `{id}` is closed: calls are accepted again");
                    generation.note("info", "the circuit is closed: calls are accepted again");
                    self.0.events.publish(Some(id), None, EventKind::CircuitClosed { generation: number });
                }
            }
            Health::Unhealthy => {
                if generation.health.set_circuit(true) {
                    tracing::error!(plugin.id = %id, generation = number, "the circuit of plugin `{id}` is open: calls are refused");
                    generation.note("error", "the circuit is open: calls are refused until a probe passes");
                    let reason = generation.health_report().problem.unwrap_or_default().into();
                    let retry_after = generation.probe_interval();
                    let kind = EventKind::CircuitOpened { generation: number, reason, retry_after };
                    self.0.events.publish(Some(id), None, kind);
                }
                // A generation on probation is rolled back instead.
                if !generation.is_on_probation() {
                    let mut state = plugin.state();
                    // The time of the replacement is set; further probes do not postpone it.
                    if state.attempts.retry_at_ms.is_none_or(|at| at <= self.0.reconcile.now_ms()) {
                        state.attempts.failed(self.0.reconcile.now_ms(), &self.config().patience);
                    }
                    drop(state);
                    self.0.reconcile.send(Input::Changed);
                }
            }
            Health::Degraded | Health::Unknown => {}
        }
    }
}

/// Probes a generation once: by the health endpoint of its manifest, or by its health hook.
pub(crate) async fn probe(generation: &Arc<Generation>) -> Probe {
    let timeout = generation.manifest.health.timeout;
    let result = match &generation.manifest.health.endpoint {
        None => generation.instance.health(timeout).await,
        Some(path) => ask(generation, path, timeout).await,
    };
    let probe = match result {
        Ok(()) => Probe::Passed,
        Err(CallError::TimedOut { .. }) => Probe::TimedOut,
        Err(CallError::Panicked(panicked)) => {
            generation.panics.inc();
            Probe::Panicked(panicked.to_string())
        }
        Err(error) => Probe::Failed(error.to_string()),
    };
    generation.counters.probed(&probe);
    probe
}

async fn ask(generation: &Arc<Generation>, path: &str, timeout: Duration) -> Result<(), CallError> {
    let routed = generation.routes.find(&http::Method::GET, path);
    let Ok(routed) = routed else { return Err(CallError::Failed(format!("no endpoint GET {path}"))) };
    let handler = generation.endpoints[routed.endpoint].handler;
    match generation.instance.probe(handler, path, timeout).await?.as_u16() {
        200..400 => Ok(()),
        status => Err(CallError::Failed(format!("GET {path} returned status {status}"))),
    }
}
