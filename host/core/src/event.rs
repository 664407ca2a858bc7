//! The events of a host, as a closed list of kinds.

mod filter;
mod message;
mod text;

use std::time::Duration;

use crate::PluginId;
use crate::health::Health;

pub use filter::{EventFilter, Kinds, KindsError};
pub use text::Text;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Increases from 1 across restarts; never reused, but numbers may be missing.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// The plugin; `None` for what concerns the host.
    pub plugin: Option<PluginId>,
    /// The job that did it.
    pub job: Option<String>,
    /// The kind of event and its data.
    pub kind: EventKind,
}

/// A kind of event. Plugin and job are fields of [`Event`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// The process is up and starts to restore the desired state.
    HostStarted {
        /// Version of the host.
        version: Text,
    },
    /// Every plugin was tried once after the start.
    HostReady {
        /// The number of serving plugins.
        serving: u64,
        /// Since the start.
        took: Duration,
    },
    /// The configuration was read again while the host runs.
    HostReconfigured {
        /// The keys whose new values are in effect.
        changed: Vec<Text>,
        /// The keys whose new values need a restart.
        after_restart: Vec<Text>,
    },
    /// The configuration was read again, and refused as a whole.
    HostReconfigurationRefused {
        /// All that is wrong.
        reasons: Vec<Text>,
    },
    /// The host was told to stop. The last event in streams.
    HostStopping,
    /// An operation was requested.
    JobQueued {
        /// `load`, `reload`, …
        operation: Text,
        /// The subject: a source or a plugin's id.
        subject: Text,
    },
    /// Its turn came.
    JobStarted {
        /// `load`, `reload`, …
        operation: Text,
        /// The subject: a source or a plugin's id.
        subject: Text,
    },
    /// One of its steps has ended.
    JobStep {
        /// `fetch`, `check`, `build`, …
        step: Text,
        /// The duration.
        took: Duration,
    },
    /// It has ended.
    JobEnded {
        /// `load`, `reload`, …
        operation: Text,
        /// `done`, `failed`, `cancelled`, `timed_out` or `superseded`.
        outcome: Text,
        /// The code of the error, if the job failed.
        code: Option<Text>,
        /// The error, in one line.
        error: Option<Text>,
        /// Since its turn came.
        took: Duration,
    },
    /// A version of a plugin is installed that was not there before.
    PluginInstalled {
        /// The version.
        version: Text,
        /// The source.
        source: Text,
    },
    /// A plugin is not installed any more.
    PluginUninstalled {
        /// The version that was installed.
        version: Text,
        /// Whether the plugin's stored data is kept.
        keeps_data: bool,
    },
    /// The operator wants it to serve.
    PluginEnabled {
        /// The installed version.
        version: Text,
    },
    /// The operator wants it not to serve.
    PluginDisabled {
        /// The installed version.
        version: Text,
    },
    /// It does not serve any more, though nobody has disabled it.
    PluginStopped {
        /// Why.
        reason: Text,
    },
    /// A generation receives calls from now on.
    GenerationServes {
        /// Its number.
        generation: u64,
        /// Version of the plugin.
        version: Text,
        /// The generation that took them before.
        before: Option<u64>,
    },
    /// A generation receives no new calls.
    GenerationDraining {
        /// Its number.
        generation: u64,
        /// Calls that it has not answered to their last byte.
        in_flight: u64,
    },
    /// A generation is stopped.
    GenerationEnded {
        /// Its number.
        generation: u64,
        /// The time since the start of the drain.
        took: Duration,
        /// Calls that were cut, because the time to drain was over.
        cut: u64,
    },
    /// The library of a generation that has ended is gone from memory.
    GenerationUnmapped {
        /// Its number.
        generation: u64,
        /// Since it was replaced.
        after: Duration,
        /// The heap memory left behind, in bytes, if the library counts it.
        left_bytes: Option<u64>,
    },
    /// The library of a generation that has ended stays in memory, at least for now.
    GenerationKept {
        /// Its number.
        generation: u64,
        /// The reasons that keep it in memory.
        held_by: Vec<Text>,
    },
    /// The health of a plugin has changed.
    HealthChanged {
        /// The generation that was judged.
        generation: u64,
        /// The verdict before.
        from: Health,
        /// The verdict now.
        to: Health,
        /// The problem.
        problem: Option<Text>,
    },
    /// Calls of a plugin are refused for a while.
    CircuitOpened {
        /// The generation that failed.
        generation: u64,
        /// Why.
        reason: Text,
        /// The time until a call is admitted again.
        retry_after: Duration,
    },
    /// Calls of a plugin are let through again.
    CircuitClosed {
        /// The generation that receives the calls.
        generation: u64,
    },
    /// A plugin failed too often and is out of service until an operator enables it.
    PluginQuarantined {
        /// The number of failures.
        failures: u64,
        /// Within this time.
        window: Duration,
        /// The reason of the last failure.
        reason: Text,
    },
    /// A plugin may serve again.
    PluginQuarantineLifted {
        /// The actor.
        actor: Text,
    },
    /// The configuration of a plugin changed. The values are not included, since they may contain secrets.
    ConfigurationChanged {
        /// The revision that it made.
        revision: Option<u64>,
        /// The generation that uses it; `None` while none serves.
        generation: Option<u64>,
        /// Whether the running generation applied it live.
        live: bool,
    },
    /// The desired state has changed.
    RevisionMade {
        /// Its number.
        revision: u64,
        /// The actor.
        actor: Text,
        /// Why, or by which operation.
        reason: Text,
    },
    /// An earlier version serves again.
    RollbackDone {
        /// The version that served.
        from: Text,
        /// The version that serves now.
        to: Text,
        /// As this generation.
        generation: Option<u64>,
        /// Whether the host did it automatically.
        automatic: bool,
        /// Why.
        reason: Text,
    },
    /// There is a newer version of a plugin.
    UpdateAvailable {
        /// The installed version.
        installed: Text,
        /// The newest version that the policy allows.
        available: Text,
    },
    /// A request was refused.
    RequestRefused {
        /// `load`, `reload`, …
        operation: Text,
        /// The stable word of the error.
        code: Text,
        /// The error, in one line.
        error: Text,
    },
}

/// Maps each kind to its name. A missing variant does not compile.
macro_rules! names {
    ($($variant:ident => $name:literal,)*) => {
        impl EventKind {
            /// The names of all kinds.
            pub const NAMES: &[&str] = &[$($name),*];

            /// The word for clients, the journal and filters. Never reworded.
            pub fn name(&self) -> &'static str {
                match self {
                    $(EventKind::$variant { .. } => $name,)*
                }
            }
        }
    };
}

names! {
    HostStarted => "host.started",
    HostReady => "host.ready",
    HostReconfigured => "host.reconfigured",
    HostReconfigurationRefused => "host.reconfiguration_refused",
    HostStopping => "host.stopping",
    JobQueued => "job.queued",
    JobStarted => "job.started",
    JobStep => "job.step",
    JobEnded => "job.ended",
    PluginInstalled => "plugin.installed",
    PluginUninstalled => "plugin.uninstalled",
    PluginEnabled => "plugin.enabled",
    PluginDisabled => "plugin.disabled",
    PluginStopped => "plugin.stopped",
    GenerationServes => "generation.serves",
    GenerationDraining => "generation.draining",
    GenerationEnded => "generation.ended",
    GenerationUnmapped => "generation.unmapped",
    GenerationKept => "generation.kept",
    HealthChanged => "health.changed",
    CircuitOpened => "circuit.opened",
    CircuitClosed => "circuit.closed",
    PluginQuarantined => "plugin.quarantined",
    PluginQuarantineLifted => "plugin.quarantine_lifted",
    ConfigurationChanged => "configuration.changed",
    RevisionMade => "revision.made",
    RollbackDone => "rollback.done",
    UpdateAvailable => "update.available",
    RequestRefused => "request.refused",
}
