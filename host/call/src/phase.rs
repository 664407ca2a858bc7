//! The phase of a plugin.

/// The current phase of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its source is being fetched.
    Fetching,
    /// Its library is being built.
    Building,
    /// Its library is being opened and started.
    Loading,
    /// A generation serves.
    Running,
    /// A generation serves, but its probes or calls report a problem.
    Degraded,
    /// It is out of service, and calls are still in flight.
    Draining,
    /// It does not serve, as desired.
    Stopped,
    /// It failed to start; the host retries.
    Failed,
    /// The host took it out of service until an operator acts.
    Quarantined,
}

impl Phase {
    /// The stable name for clients and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Fetching => "fetching",
            Phase::Building => "building",
            Phase::Loading => "loading",
            Phase::Running => "running",
            Phase::Degraded => "degraded",
            Phase::Draining => "draining",
            Phase::Stopped => "stopped",
            Phase::Failed => "failed",
            Phase::Quarantined => "quarantined",
        }
    }
}
