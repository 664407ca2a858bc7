//! The events of a host, as a closed list of kinds.

mod filter;
mod message;
mod text;

use std::time::Duration;

use crate::PluginId;
use crate::health::Health;

pub use filter::{EventFilter, Kinds, KindsError};
pub use text::Text;

/// An event of the host or of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Increases from 1 across restarts; never reused, but numbers may be missing.
    pub seq: u64,
    /// The time in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// The plugin; `None` for events of the host.
    pub plugin: Option<PluginId>,
    /// The job that caused the event.
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
    /// The host has tried once to start every enabled plugin.
    HostReady {
        /// The number of serving plugins.
        serving: u64,
        /// The time since the start.
        took: Duration,
    },
    /// The configuration was reloaded while the host runs.
    HostReconfigured {
        /// The keys whose new values are in effect.
        changed: Vec<Text>,
        /// The keys whose new values need a restart.
        after_restart: Vec<Text>,
    },
    /// The reloaded configuration is invalid, so the host keeps the previous one.
    HostReconfigurationRefused {
        /// All problems of the configuration.
        reasons: Vec<Text>,
    },
    /// The host was told to stop. Streams of events end with this event.
    HostStopping,
    /// An operation was requested.
    JobQueued {
        /// `load`, `reload`, …
        operation: Text,
        /// The subject: a source or a plugin's id.
        subject: Text,
    },
    /// A job has started.
    JobStarted {
        /// `load`, `reload`, …
        operation: Text,
        /// The subject: a source or a plugin's id.
        subject: Text,
    },
    /// A step of a job has ended.
    JobStep {
        /// `fetch`, `check`, `build`, …
        step: Text,
        /// The duration of the step.
        took: Duration,
    },
    /// A job has ended.
    JobEnded {
        /// `load`, `reload`, …
        operation: Text,
        /// `done`, `failed`, `cancelled`, `timed_out` or `superseded`.
        outcome: Text,
        /// The code of the error, if the job failed.
        code: Option<Text>,
        /// The error, in one line.
        error: Option<Text>,
        /// The time since the job started.
        took: Duration,
    },
    /// A version of a plugin was installed.
    PluginInstalled {
        /// The version.
        version: Text,
        /// The source.
        source: Text,
    },
    /// A plugin was removed.
    PluginUninstalled {
        /// The version that was installed.
        version: Text,
        /// Whether the plugin's stored data is kept.
        keeps_data: bool,
    },
    /// The operator has enabled a plugin.
    PluginEnabled {
        /// The installed version.
        version: Text,
    },
    /// The operator has disabled a plugin.
    PluginDisabled {
        /// The installed version.
        version: Text,
    },
    /// A plugin was stopped; it stays enabled.
    PluginStopped {
        /// The actor.
        reason: Text,
    },
    /// A generation receives calls from now on.
    GenerationServes {
        /// The number.
        generation: u64,
        /// Version of the plugin.
        version: Text,
        /// The generation that received the calls before.
        before: Option<u64>,
    },
    /// A generation receives no new calls.
    GenerationDraining {
        /// The number.
        generation: u64,
        /// The number of calls whose response is not complete.
        in_flight: u64,
    },
    /// A replaced generation was drained and stopped.
    GenerationEnded {
        /// The number.
        generation: u64,
        /// The time since the start of the drain.
        took: Duration,
        /// The number of calls that were cancelled at the end of the drain timeout.
        cancelled: u64,
    },
    /// The library of an ended generation was unmapped.
    GenerationUnmapped {
        /// The number.
        generation: u64,
        /// The time since the generation was replaced.
        after: Duration,
        /// The heap memory left behind, in bytes, if the library counts it.
        left_bytes: Option<u64>,
    },
    /// The library of an ended generation is kept in memory for now.
    GenerationKept {
        /// The number.
        generation: u64,
        /// The reasons that keep it in memory.
        held_by: Vec<Text>,
    },
    /// The health of a plugin has changed.
    HealthChanged {
        /// The generation.
        generation: u64,
        /// The health before.
        from: Health,
        /// The health now.
        to: Health,
        /// The problem.
        problem: Option<Text>,
    },
    /// Calls to a plugin are refused for a while, because its health probes fail.
    CircuitOpened {
        /// The generation that failed.
        generation: u64,
        /// The reason.
        reason: Text,
        /// The time until a call is accepted again.
        retry_after: Duration,
    },
    /// Calls to a plugin are accepted again.
    CircuitClosed {
        /// The generation that receives the calls.
        generation: u64,
    },
    /// A plugin failed too often and is out of service until an operator enables, starts or restarts it.
    PluginQuarantined {
        /// The number of failures.
        failures: u64,
        /// The length of the window.
        window: Duration,
        /// The reason of the last failure.
        reason: Text,
    },
    /// Code of a plugin has ended the host process. Published by the host that starts next.
    PluginCrashed {
        /// The number of the generation.
        generation: Option<u64>,
        /// The occasion on which its code ran: `open`, `start`, `hook`, `call`, `release` or `thread`; `None` if the
        /// host had not called it.
        activity: Option<Text>,
        /// The name of a signal, `stack_overflow` or `exit`.
        cause: Text,
        /// The time of the crash in milliseconds since 1970.
        crashed_at_unix_ms: u64,
    },
    /// The quarantine of a plugin has ended, so it may serve again.
    PluginQuarantineLifted {
        /// The actor.
        actor: Text,
    },
    /// The configuration of a plugin changed. The values are not included, since they may contain secrets.
    ConfigurationChanged {
        /// The new revision.
        revision: Option<u64>,
        /// The generation that uses it; `None` while none serves.
        generation: Option<u64>,
        /// Whether the running generation applied it live.
        live: bool,
    },
    /// The desired state has changed.
    RevisionMade {
        /// The number.
        revision: u64,
        /// The actor.
        actor: Text,
        /// The reason or the operation.
        reason: Text,
    },
    /// An earlier version serves again.
    RollbackDone {
        /// The version that served.
        from: Text,
        /// The version that serves now.
        to: Text,
        /// The generation that serves it.
        generation: Option<u64>,
        /// Whether the host did it automatically.
        automatic: bool,
        /// The reason.
        reason: Text,
    },
    /// A newer version of a plugin was found.
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
        /// The stable error code.
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

            /// The stable name for clients, the journal and filters.
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
    PluginCrashed => "plugin.crashed",
    PluginQuarantined => "plugin.quarantined",
    PluginQuarantineLifted => "plugin.quarantine_lifted",
    ConfigurationChanged => "configuration.changed",
    RevisionMade => "revision.made",
    RollbackDone => "rollback.done",
    UpdateAvailable => "update.available",
    RequestRefused => "request.refused",
}
