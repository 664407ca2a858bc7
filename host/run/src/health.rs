//! Probing a generation, and what its probes say.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use host_core::PluginId;
use host_core::event::EventKind;
use host_core::health::{Health, Probe, verdict};
use host_load::CallError;
use tokio::sync::Notify;

use crate::admission::Admitted;
use crate::events::Events;
use crate::generation::Generation;
use crate::host::Host;
use crate::log_lines::now_unix_ms;
use crate::reconcile::Input;

/// What the host says about a plugin's health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthReport {
    /// The verdict.
    pub health: Health,
    /// When the newest probe ended, in milliseconds since 1970.
    pub last_check_unix_ms: Option<u64>,
    /// How many probes in a row did not pass.
    pub failures_in_a_row: u32,
    /// What is wrong.
    pub problem: Option<String>,
}

/// What is known of one generation's health. Each change of the verdict is an event.
pub(crate) struct HealthState {
    plugin: PluginId,
    generation: u64,
    threshold: u32,
    events: Events,
    known: Mutex<Known>,
    changed: Notify,
    /// Whether calls are refused because the probes say that it does not work.
    circuit_is_open: AtomicBool,
}

#[derive(Default)]
struct Known {
    /// The verdict that was told last; `None` for the first, unknown one.
    told: Option<Health>,
    failures_in_a_row: Option<u32>,
    last_check_unix_ms: Option<u64>,
    problem: Option<String>,
    /// A call panicked or hung since the newest probe that passed.
    trouble: Option<String>,
}

impl HealthState {
    pub(crate) fn of(plugin: &PluginId, generation: u64, threshold: u32, events: Events) -> HealthState {
        HealthState {
            plugin: plugin.clone(),
            generation,
            threshold,
            events,
            known: Mutex::default(),
            changed: Notify::new(),
            circuit_is_open: AtomicBool::new(false),
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a call panicked or hung: the plugin counts as degraded until a probe passes.
    pub(crate) fn trouble(&self, what: String) {
        let mut known = self.known();
        known.trouble = Some(what);
        self.tell(&mut known);
    }

    /// Whether calls are refused because the probes say that it does not work.
    pub(crate) fn circuit_is_open(&self) -> bool {
        self.circuit_is_open.load(Ordering::Relaxed)
    }

    /// Opens or closes the circuit; says whether it was the other way before.
    fn set_circuit(&self, open: bool) -> bool {
        self.circuit_is_open.swap(open, Ordering::Relaxed) != open
    }

    /// Waits for the end of the next probe. Cancel safe.
    pub(crate) async fn probed(&self) {
        self.changed.notified().await;
    }

    pub(crate) fn note(&self, probe: &Probe) {
        self.take(probe);
        self.changed.notify_waiters();
    }

    fn take(&self, probe: &Probe) {
        let mut known = self.known();
        known.last_check_unix_ms = Some(now_unix_ms());
        known.problem = probe.problem();
        known.failures_in_a_row = Some(match probe {
            Probe::Passed => {
                known.trouble = None;
                0
            }
            _ => known.failures_in_a_row.unwrap_or(0).saturating_add(1),
        });
        self.tell(&mut known);
    }

    /// Under the lock, so that changes are told in their order.
    fn tell(&self, known: &mut Known) {
        let report = known.report(self.threshold);
        let from = known.told.unwrap_or(Health::Unknown);
        if report.health != from {
            let (generation, to, problem) = (self.generation, report.health, report.problem.map(Into::into));
            self.events.publish(Some(&self.plugin), None, EventKind::HealthChanged { generation, from, to, problem });
            known.told = Some(to);
        }
    }

    pub(crate) fn report(&self, threshold: u32) -> HealthReport {
        self.known().report(threshold)
    }
}

impl Known {
    fn report(&self, threshold: u32) -> HealthReport {
        let mut health = verdict(self.failures_in_a_row, threshold);
        if self.trouble.is_some() && matches!(health, Health::Healthy | Health::Unknown) {
            health = Health::Degraded;
        }
        HealthReport {
            health,
            last_check_unix_ms: self.last_check_unix_ms,
            failures_in_a_row: self.failures_in_a_row.unwrap_or(0),
            problem: self.problem.clone().or_else(|| self.trouble.clone()),
        }
    }
}

/// Probes a generation at its manifest's interval until it is replaced.
pub(crate) async fn watch(host: Host, generation: Arc<Generation>) {
    let check = generation.manifest.health.clone();
    loop {
        tokio::select! {
            biased;
            () = generation.replaced.cancelled() => return,
            () = tokio::time::sleep(generation.probe_interval()) => {}
        }
        let before = generation.health.report(check.failure_threshold).health;
        // Counted like a call, so that the stop hook does not run beside it.
        if !generation.in_flight.try_enter() {
            return;
        }
        let counted = Admitted { generation: generation.clone() };
        let probe = tokio::select! {
            biased;
            () = generation.replaced.cancelled() => return,
            probe = probe(&generation) => probe,
        };
        drop(counted);
        generation.health.note(&probe);
        let report = generation.health.report(check.failure_threshold);
        host.note_health(&generation, report.health);
        if report.health != before {
            let (id, health) = (&generation.id, report.health.as_str());
            let problem = report.problem.as_deref().unwrap_or("all probes pass");
            tracing::warn!(plugin.id = %id, generation = generation.number, health, "plugin `{id}` is {health}: {problem}");
            generation.note("warn", &format!("health: {health}: {problem}"));
        }
    }
}

impl Host {
    /// Takes what the probes of a serving generation say: one that does not work is replaced when its time has come.
    fn note_health(&self, generation: &Generation, health: Health) {
        let Some(plugin) = self.0.plugins.get(&generation.id).map(|entry| entry.value().clone()) else { return };
        let (id, number) = (&generation.id, generation.number);
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
                // A version that just began to serve goes back to the one before.
                if !generation.is_on_probation() {
                    let mut state = plugin.state();
                    // It is replaced at its time; further probes do not put that off.
                    if state.attempts.retry_at_ms.is_none_or(|at| at <= self.0.reconcile.now_ms()) {
                        state.attempts.failed(self.0.reconcile.now_ms(), &self.0.config.patience);
                    }
                    drop(state);
                    self.0.reconcile.tell(Input::Changed);
                }
            }
            Health::Degraded | Health::Unknown => {}
        }
    }
}

/// Probes a generation once: the manifest's health endpoint, or the plugin's health hook.
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
        status => Err(CallError::Failed(format!("GET {path} answered {status}"))),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use host_core::event::EventFilter;
    use host_state::State;

    use super::*;
    use crate::events::EventMetrics;

    #[tokio::test]
    async fn a_call_that_panicked_degrades_until_a_probe_passes_and_each_change_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let journal = State::open(folder.path()).await.unwrap();
        let events = Events::new(journal.clone(), 100, EventMetrics::of(&prometheus::Registry::new()));
        events.start();
        let state = HealthState::of(&"hello".parse().unwrap(), 7, 2, events.clone());
        assert_eq!(state.report(3).health, Health::Unknown);
        state.note(&Probe::Passed);
        state.trouble("hello: panicked".to_owned());
        state.trouble("hello: panicked".to_owned());
        assert_eq!(state.report(3).health, Health::Degraded);
        assert_eq!(state.report(3).problem.as_deref(), Some("hello: panicked"));
        state.note(&Probe::Passed);
        state.note(&Probe::Passed);
        assert_eq!(state.report(3), HealthReport { problem: None, health: Health::Healthy, ..state.report(3) });
        for expected in [Health::Degraded, Health::Unhealthy, Health::Unhealthy] {
            state.note(&Probe::TimedOut);
            assert_eq!(state.report(2).health, expected);
        }
        events.close().await;
        let told = journal.events_after(0, &EventFilter::default(), 100).await.unwrap().events;
        let told = told.iter().map(|event| format!("{:?}: {}\n", event.plugin, event.kind.message()));
        expect![[r#"
            Some(hello): generation 7 is healthy, it was unknown
            Some(hello): generation 7 is degraded, it was healthy: hello: panicked
            Some(hello): generation 7 is healthy, it was degraded
            Some(hello): generation 7 is degraded, it was healthy: the health probe did not answer in time
            Some(hello): generation 7 is unhealthy, it was degraded: the health probe did not answer in time
        "#]]
        .assert_eq(&told.collect::<String>());
    }
}
