//! The health probes of a plugin.

use std::time::Duration;

/// The health probes of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Whether the plugin is probed.
    pub enabled: bool,
    /// The path of a GET endpoint without parameters; `None` is the plugin's own hook.
    pub endpoint: Option<String>,
    /// The time between two probes.
    pub interval: Duration,
    /// The deadline of one probe.
    pub timeout: Duration,
    /// The number of consecutive failed probes after which the plugin is unhealthy.
    pub failure_threshold: u32,
}

impl Default for HealthCheck {
    fn default() -> HealthCheck {
        let (interval, timeout) = (Duration::from_secs(30), Duration::from_secs(5));
        HealthCheck { enabled: true, endpoint: None, interval, timeout, failure_threshold: 3 }
    }
}
