//! The crashes of earlier host processes, and their consequences for the plugins that caused them.
//!
//! A plugin that has crashed the host once is started again, in a child process first. A plugin that has crashed it
//! [`MAX_CRASHES`] times within [`WINDOW_MS`] is quarantined, so that the host does not crash again and again.

use host_core::PluginId;
use host_core::event::EventKind;
use host_load::Crash;

use crate::state::Host;

/// The number of crashes that leads to a quarantine.
const MAX_CRASHES: usize = 2;
/// The time within which they are counted, in milliseconds.
const WINDOW_MS: u64 = 600_000;

impl Host {
    /// Reports the crashes that no host has reported before, shows the newest crash of each installed version, and lets
    /// the planner quarantine the plugins that crashed too often.
    pub(super) fn note_crashes(&self) {
        let Some(log) = self.config().crash_log.clone() else { return };
        for crash in log.crashes().iter().filter(|crash| crash.is_new()) {
            self.report_crash(crash);
        }
        for plugin in self.0.plugins.iter() {
            let mut state = plugin.state();
            let Some(installed) = &state.installed else { continue };
            let loaded = installed.desired.current.loaded_unix_ms;
            let of_version = |crash: &&Crash| crash.plugin() == Some(plugin.id.as_str()) && crash.at_unix_ms >= loaded;
            let mut crashes = log.crashes().iter().filter(of_version);
            let counted = count(crashes.clone());
            state.last_crash = crashes.next_back().cloned();
            if counted >= MAX_CRASHES {
                state.too_many_crashes = counted;
                state.attempts.give_up();
            }
        }
    }

    fn report_crash(&self, crash: &Crash) {
        let message = crash.message();
        let Some(id) = crash.plugin().and_then(|id| id.parse::<PluginId>().ok()) else {
            return tracing::error!("an earlier host process ended early: {message}");
        };
        tracing::error!(plugin.id = %id, "plugin `{id}` ended an earlier host process: {message}");
        if let Some(trial) = &self.config().trial {
            trial.mark_suspect(id.clone());
        }
        if let Some(plugin) = self.0.plugins.get(&id) {
            plugin.log.push("error", None, &message);
        }
        let kind = EventKind::PluginCrashed {
            generation: crash.generation(),
            activity: crash.activity().map(Into::into),
            cause: crash.cause().into(),
            crashed_at_unix_ms: crash.at_unix_ms,
        };
        self.0.events.publish(Some(&id), None, kind);
    }

    /// Returns whether a plugin has crashed the host since the last start.
    pub(super) fn has_just_crashed(&self, id: &PluginId) -> bool {
        let log = self.config().crash_log.clone();
        log.is_some_and(|log| log.crashes().iter().any(|crash| crash.is_new() && crash.plugin() == Some(id.as_str())))
    }

    /// Returns whether a plugin has crashed the host so often that it is not started again.
    pub(super) fn has_crashed_too_often(&self, id: &str) -> bool {
        let log = self.config().crash_log.clone();
        log.is_some_and(|log| count(log.crashes().iter().filter(|crash| crash.plugin() == Some(id))) >= MAX_CRASHES)
    }

    /// Lets the earlier crashes of a plugin no longer count, because the operator wants it to serve again.
    pub(crate) fn forget_crashes(&self, id: &PluginId) {
        if let Some(log) = self.config().crash_log.clone()
            && log.crashes().iter().any(|crash| crash.plugin() == Some(id.as_str()) && crash.counts())
            && let Err(error) = log.forget(id.as_str())
        {
            tracing::warn!(plugin.id = %id, "the crashes of plugin `{id}` still count after a restart of the host: {error}");
        }
    }
}

/// The number of crashes that count and lie within [`WINDOW_MS`] before the newest one.
fn count<'a>(crashes: impl Iterator<Item = &'a Crash>) -> usize {
    let times: Vec<_> = crashes.filter(|crash| crash.counts()).map(|crash| crash.at_unix_ms).collect();
    let newest = times.iter().max().copied().unwrap_or_default();
    times.iter().filter(|at| newest - **at < WINDOW_MS).count()
}
