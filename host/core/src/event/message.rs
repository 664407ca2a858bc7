//! Messages of events for people.

use super::{EventKind, Text};
use crate::{Size, Span, crash_message};

impl EventKind {
    /// One sentence for people, which does not name the plugin. Holds no secrets.
    pub fn message(&self) -> String {
        match self {
            EventKind::HostStarted { version } => format!("the host has started, version {version}"),
            EventKind::HostReady { serving, took } => {
                format!("the host is ready {} after its start; plugins that serve: {serving}", Span::new(*took))
            }
            EventKind::HostReconfigured { changed, after_restart } => {
                let changed = if changed.is_empty() {
                    "nothing changed".to_owned()
                } else {
                    format!("changed: {}", list(changed, ", "))
                };
                let later = if after_restart.is_empty() {
                    String::new()
                } else {
                    format!("; takes effect after a restart: {}", list(after_restart, ", "))
                };
                format!("the configuration was reloaded; {changed}{later}")
            }
            EventKind::HostReconfigurationRefused { reasons } => {
                format!("the configuration is invalid, so the host keeps the previous one: {}", list(reasons, "; "))
            }
            EventKind::HostStopping => "the host is stopping".to_owned(),
            EventKind::JobQueued { operation, subject } => format!("{operation} of {subject} is queued"),
            EventKind::JobStarted { operation, subject } => format!("{operation} of {subject} has started"),
            EventKind::JobStep { step, took } => format!("step {step} took {}", Span::new(*took)),
            EventKind::JobEnded { operation, outcome, code, error, took } => {
                let why = [code, error].into_iter().flatten().map(|why| format!(": {why}")).collect::<String>();
                format!("{operation} has ended after {}: {outcome}{why}", Span::new(*took))
            }
            EventKind::PluginInstalled { version, source } => format!("version {version} is installed from {source}"),
            EventKind::PluginUninstalled { version, keeps_data: true } => {
                format!("version {version} is uninstalled; its stored data is kept")
            }
            EventKind::PluginUninstalled { version, keeps_data: false } => format!("version {version} is uninstalled"),
            EventKind::PluginEnabled { version } => format!("version {version} is enabled"),
            EventKind::PluginDisabled { version } => format!("version {version} is disabled"),
            EventKind::PluginStopped { reason } => format!("the plugin was stopped by {reason}"),
            EventKind::GenerationServes { generation, version, before } => {
                let before = before.map(|before| format!(" instead of generation {before}")).unwrap_or_default();
                format!("generation {generation} ({version}) serves{before}")
            }
            EventKind::GenerationDraining { generation, in_flight } => {
                format!("generation {generation} accepts no more calls; in flight: {in_flight}")
            }
            EventKind::GenerationEnded { generation, took, cancelled } => {
                let calls = if *cancelled > 0 { format!("; cancelled calls: {cancelled}") } else { String::new() };
                format!("generation {generation} has ended, {} after it began to drain{calls}", Span::new(*took))
            }
            EventKind::GenerationUnmapped { generation, after, left_bytes } => {
                let left = left_bytes.filter(|left| *left > 0);
                let left = left
                    .map(|left| format!("; {} of its heap memory were not freed", Size::new(left).rounded()))
                    .unwrap_or_default();
                format!("generation {generation} is unmapped, {} after it was replaced{left}", Span::new(*after))
            }
            EventKind::GenerationKept { generation, held_by } => {
                format!("generation {generation} has ended and stays in memory: {}", list(held_by, "; "))
            }
            EventKind::HealthChanged { generation, from, to, problem } => {
                let problem = problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default();
                format!("generation {generation} is {}, it was {}{problem}", to.as_str(), from.as_str())
            }
            EventKind::CircuitOpened { generation, reason, retry_after } => {
                format!("calls of generation {generation} are refused for {}: {reason}", Span::new(*retry_after))
            }
            EventKind::CircuitClosed { generation } => {
                format!("calls of generation {generation} are accepted again")
            }
            EventKind::PluginCrashed { generation, activity, cause, .. } => {
                crash_message(*generation, activity.as_ref().map(Text::as_str), cause.as_str())
            }
            EventKind::PluginQuarantined { failures, window, reason } => {
                format!("the plugin is quarantined after {failures} failures in {}: {reason}", Span::new(*window))
            }
            EventKind::PluginQuarantineLifted { actor } => format!("the quarantine was lifted by {actor}"),
            EventKind::ConfigurationChanged { revision, generation, live } => {
                let revision = revision.map(|revision| format!(" (revision {revision})")).unwrap_or_default();
                let used = match (generation, live) {
                    (Some(generation), true) => format!("in use by generation {generation}"),
                    (Some(generation), false) => format!("generation {generation} was started with it"),
                    (None, _) => "it takes effect when the plugin is started".to_owned(),
                };
                format!("the configuration was changed{revision}; {used}")
            }
            EventKind::RevisionMade { revision, actor, reason } => {
                format!("revision {revision} was made by {actor}: {reason}")
            }
            EventKind::RollbackDone { from, to, generation, automatic, reason } => {
                let by = if *automatic { "the host rolled back" } else { "rolled back" };
                let generation = generation.map(|number| format!(" as generation {number}")).unwrap_or_default();
                format!("{by} from {from} to {to}{generation}: {reason}")
            }
            EventKind::UpdateAvailable { installed, available } => {
                format!("version {available} is available, {installed} is installed")
            }
            EventKind::RequestRefused { operation, code, error } => format!("{operation} was refused: {code}: {error}"),
        }
    }
}

fn list(texts: &[Text], separator: &str) -> String {
    texts.iter().map(Text::as_str).collect::<Vec<_>>().join(separator)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::expect;

    use super::*;
    use crate::health::Health;

    /// One of each kind; of some more, where their sentences differ.
    fn all() -> Vec<EventKind> {
        let ms = Duration::from_micros(12_345);
        let ended = |outcome: &str, code: Option<&str>, error: Option<&str>| EventKind::JobEnded {
            operation: "load".into(),
            outcome: outcome.into(),
            code: code.map(Into::into),
            error: error.map(Into::into),
            took: ms,
        };
        let configured = |revision, generation, live| EventKind::ConfigurationChanged { revision, generation, live };
        let uninstalled = |keeps_data| EventKind::PluginUninstalled { version: "1.0.0".into(), keeps_data };
        vec![
            EventKind::HostStarted { version: "0.1.0".into() },
            EventKind::HostReady { serving: 3, took: Duration::from_millis(2_340) },
            EventKind::HostReconfigured { changed: vec![], after_restart: vec![] },
            EventKind::HostReconfigured { changed: vec!["a".into(), "b".into()], after_restart: vec!["port".into()] },
            EventKind::HostReconfigurationRefused { reasons: vec!["x is `y`".into(), "z".into()] },
            EventKind::HostStopping,
            EventKind::JobQueued { operation: "load".into(), subject: "/srv/hello".into() },
            EventKind::JobStarted { operation: "load".into(), subject: "/srv/hello".into() },
            EventKind::JobStep { step: "build".into(), took: ms },
            ended("done", None, None),
            ended("failed", Some("build_cargo"), Some("failed to build")),
            EventKind::PluginInstalled { version: "1.0.0".into(), source: "/srv/hello".into() },
            uninstalled(false),
            uninstalled(true),
            EventKind::PluginEnabled { version: "1.0.0".into() },
            EventKind::PluginDisabled { version: "1.0.0".into() },
            EventKind::PluginStopped { reason: "operator".into() },
            EventKind::GenerationServes { generation: 1, version: "1.0.0".into(), before: None },
            EventKind::GenerationServes { generation: 2, version: "1.1.0".into(), before: Some(1) },
            EventKind::GenerationDraining { generation: 1, in_flight: 3 },
            EventKind::GenerationEnded { generation: 1, took: ms, cancelled: 0 },
            EventKind::GenerationEnded { generation: 1, took: ms, cancelled: 2 },
            EventKind::GenerationUnmapped { generation: 1, after: ms, left_bytes: Some(0) },
            EventKind::GenerationUnmapped { generation: 1, after: ms, left_bytes: Some(312) },
            EventKind::GenerationKept { generation: 1, held_by: vec!["2 threads (`a`, `b`)".into(), "1 waker".into()] },
            EventKind::HealthChanged {
                generation: 2,
                from: Health::Degraded,
                to: Health::Unhealthy,
                problem: Some("no disk".into()),
            },
            EventKind::HealthChanged { generation: 2, from: Health::Unhealthy, to: Health::Healthy, problem: None },
            EventKind::CircuitOpened {
                generation: 2,
                reason: "5 calls timed out".into(),
                retry_after: Duration::from_secs(5),
            },
            EventKind::CircuitClosed { generation: 2 },
            EventKind::PluginCrashed {
                generation: Some(2),
                activity: Some("call".into()),
                cause: "SIGSEGV".into(),
                crashed_at_unix_ms: 1_000,
            },
            EventKind::PluginQuarantined {
                failures: 5,
                window: Duration::from_secs(60),
                reason: "it panicked at its start".into(),
            },
            EventKind::PluginQuarantineLifted { actor: "operator".into() },
            configured(Some(4), Some(2), true),
            configured(Some(4), Some(3), false),
            configured(None, None, false),
            EventKind::RevisionMade { revision: 4, actor: "operator".into(), reason: "configure".into() },
            EventKind::RollbackDone {
                from: "1.1.0".into(),
                to: "1.0.0".into(),
                generation: Some(3),
                automatic: true,
                reason: "its first health probe failed".into(),
            },
            EventKind::UpdateAvailable { installed: "1.0.0".into(), available: "1.1.0".into() },
            EventKind::RequestRefused {
                operation: "reload".into(),
                code: "run_disabled".into(),
                error: "plugin `hello` is disabled".into(),
            },
        ]
    }

    #[test]
    fn every_kind_is_described_in_one_sentence() {
        let all = all();
        let mut names = all.iter().map(EventKind::name).collect::<Vec<_>>();
        names.dedup();
        assert_eq!(names, EventKind::NAMES, "each kind stands in the list, in the order of the names");
        let lines = all.iter().map(|kind| format!("{}: {}\n", kind.name(), kind.message()));
        expect![[r#"
            host.started: the host has started, version 0.1.0
            host.ready: the host is ready 2.3 s after its start; plugins that serve: 3
            host.reconfigured: the configuration was reloaded; nothing changed
            host.reconfigured: the configuration was reloaded; changed: a, b; takes effect after a restart: port
            host.reconfiguration_refused: the configuration is invalid, so the host keeps the previous one: x is `y`; z
            host.stopping: the host is stopping
            job.queued: load of /srv/hello is queued
            job.started: load of /srv/hello has started
            job.step: step build took 12 ms
            job.ended: load has ended after 12 ms: done
            job.ended: load has ended after 12 ms: failed: build_cargo: failed to build
            plugin.installed: version 1.0.0 is installed from /srv/hello
            plugin.uninstalled: version 1.0.0 is uninstalled
            plugin.uninstalled: version 1.0.0 is uninstalled; its stored data is kept
            plugin.enabled: version 1.0.0 is enabled
            plugin.disabled: version 1.0.0 is disabled
            plugin.stopped: the plugin was stopped by operator
            generation.serves: generation 1 (1.0.0) serves
            generation.serves: generation 2 (1.1.0) serves instead of generation 1
            generation.draining: generation 1 accepts no more calls; in flight: 3
            generation.ended: generation 1 has ended, 12 ms after it began to drain
            generation.ended: generation 1 has ended, 12 ms after it began to drain; cancelled calls: 2
            generation.unmapped: generation 1 is unmapped, 12 ms after it was replaced
            generation.unmapped: generation 1 is unmapped, 12 ms after it was replaced; 312 bytes of its heap memory were not freed
            generation.kept: generation 1 has ended and stays in memory: 2 threads (`a`, `b`); 1 waker
            health.changed: generation 2 is unhealthy, it was degraded: no disk
            health.changed: generation 2 is healthy, it was unhealthy
            circuit.opened: calls of generation 2 are refused for 5 s: 5 calls timed out
            circuit.closed: calls of generation 2 are accepted again
            plugin.crashed: generation 2 crashed the host during a call: invalid memory access (SIGSEGV)
            plugin.quarantined: the plugin is quarantined after 5 failures in 1 min: it panicked at its start
            plugin.quarantine_lifted: the quarantine was lifted by operator
            configuration.changed: the configuration was changed (revision 4); in use by generation 2
            configuration.changed: the configuration was changed (revision 4); generation 3 was started with it
            configuration.changed: the configuration was changed; it takes effect when the plugin is started
            revision.made: revision 4 was made by operator: configure
            rollback.done: the host rolled back from 1.1.0 to 1.0.0 as generation 3: its first health probe failed
            update.available: version 1.1.0 is available, 1.0.0 is installed
            request.refused: reload was refused: run_disabled: plugin `hello` is disabled
        "#]]
        .assert_eq(&lines.collect::<String>());
    }

    #[test]
    fn each_kind_of_event_has_a_unique_name() {
        let mut names = EventKind::NAMES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), EventKind::NAMES.len());
        assert!(names.iter().all(|name| name.split('.').count() == 2));
    }
}
