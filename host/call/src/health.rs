//! The health of a generation, as its probes and calls report it.

use std::sync::atomic::{AtomicBool, Ordering};

use host_core::PluginId;
use host_core::event::EventKind;
use host_core::health::{Health, Probe, verdict};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::event_sink::EventSink;
use host_services::now_unix_ms;

/// The health of a plugin at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthReport {
    /// The verdict.
    pub health: Health,
    /// The end of the newest probe, in milliseconds since the Unix epoch.
    pub last_check_unix_ms: Option<u64>,
    /// The number of consecutive probes that did not pass.
    pub failures_in_a_row: u32,
    /// The problem, if one is known.
    pub problem: Option<String>,
}

/// The health of one generation. Publishes an event for each change.
pub struct HealthState {
    plugin: PluginId,
    generation: u64,
    threshold: u32,
    events: EventSink,
    record: Mutex<HealthRecord>,
    probed: Notify,
    /// Whether calls are refused because the probes fail.
    circuit_is_open: AtomicBool,
}

#[derive(Default)]
struct HealthRecord {
    /// The health that was published last; `None` before the first event.
    published: Option<Health>,
    failures_in_a_row: Option<u32>,
    last_check_unix_ms: Option<u64>,
    problem: Option<String>,
    /// A call that panicked or timed out since the newest probe that passed.
    trouble: Option<String>,
}

impl HealthState {
    /// The health of a generation that was not probed yet. `threshold` is the number of consecutive failed probes after
    /// which the generation is unhealthy.
    pub fn new(plugin: &PluginId, generation: u64, threshold: u32, events: EventSink) -> HealthState {
        HealthState {
            plugin: plugin.clone(),
            generation,
            threshold,
            events,
            record: Mutex::default(),
            probed: Notify::new(),
            circuit_is_open: AtomicBool::new(false),
        }
    }

    /// Records a call that panicked or timed out: the plugin is degraded until a probe passes.
    pub fn record_trouble(&self, what: String) {
        let mut record = self.record.lock();
        record.trouble = Some(what);
        self.publish(&mut record);
    }

    /// Returns whether calls are refused because the probes fail.
    pub fn circuit_is_open(&self) -> bool {
        self.circuit_is_open.load(Ordering::Relaxed)
    }

    /// Opens or closes the circuit. Returns whether it was in the other position before.
    pub fn set_circuit(&self, open: bool) -> bool {
        self.circuit_is_open.swap(open, Ordering::Relaxed) != open
    }

    /// Waits for the end of the next probe. Cancel safe.
    pub async fn probed(&self) {
        self.probed.notified().await;
    }

    /// Records the result of a probe.
    pub fn record_probe(&self, probe: &Probe) {
        self.apply(probe);
        self.probed.notify_waiters();
    }

    fn apply(&self, probe: &Probe) {
        let mut record = self.record.lock();
        record.last_check_unix_ms = Some(now_unix_ms());
        record.problem = probe.problem();
        record.failures_in_a_row = Some(match probe {
            Probe::Passed => {
                record.trouble = None;
                0
            }
            _ => record.failures_in_a_row.unwrap_or(0).saturating_add(1),
        });
        self.publish(&mut record);
    }

    /// Publishes an event if the health has changed since the last event. The caller holds the lock, so the events have
    /// the order of the changes.
    fn publish(&self, record: &mut HealthRecord) {
        let report = record.report(self.threshold);
        let from = record.published.unwrap_or(Health::Unknown);
        if report.health != from {
            let to = report.health;
            let problem = report.problem.map(Into::into);
            let kind = EventKind::HealthChanged { generation: self.generation, from, to, problem };
            self.events.publish(&self.plugin, kind);
            record.published = Some(to);
        }
    }

    /// The current health. The plugin counts as unhealthy after `threshold` consecutive failed probes.
    pub fn report(&self, threshold: u32) -> HealthReport {
        self.record.lock().report(threshold)
    }
}

impl HealthRecord {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use expect_test::expect;

    use super::*;
    use crate::event_sink::PublishEvent;

    #[derive(Clone, Default)]
    struct Published(Arc<Mutex<String>>);

    impl PublishEvent for Published {
        fn publish(&self, plugin: &PluginId, kind: EventKind) {
            *self.0.lock() += &format!("{plugin}: {}\n", kind.message());
        }
    }

    #[test]
    fn a_panicked_call_degrades_the_plugin_until_a_probe_passes_and_each_change_is_published_once() {
        let published = Published::default();
        let state = HealthState::new(&"hello".parse().unwrap(), 7, 2, EventSink::new(published.clone()));
        assert_eq!(state.report(3).health, Health::Unknown);
        state.record_probe(&Probe::Passed);
        state.record_trouble("hello: panicked".to_owned());
        state.record_trouble("hello: panicked".to_owned());
        assert_eq!(state.report(3).health, Health::Degraded);
        assert_eq!(state.report(3).problem.as_deref(), Some("hello: panicked"));
        state.record_probe(&Probe::Passed);
        state.record_probe(&Probe::Passed);
        assert_eq!(state.report(3), HealthReport { problem: None, health: Health::Healthy, ..state.report(3) });
        for expected in [Health::Degraded, Health::Unhealthy, Health::Unhealthy] {
            state.record_probe(&Probe::TimedOut);
            assert_eq!(state.report(2).health, expected);
        }
        expect![[r#"
            hello: generation 7 is healthy, it was unknown
            hello: generation 7 is degraded, it was healthy: hello: panicked
            hello: generation 7 is healthy, it was degraded
            hello: generation 7 is degraded, it was healthy: the health probe did not respond in time
            hello: generation 7 is unhealthy, it was degraded: the health probe did not respond in time
        "#]]
        .assert_eq(&published.0.lock());
    }
}
