//! Health derived from probes.

/// The result of one probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// The plugin reported that it is healthy.
    Passed,
    /// The plugin reported a problem.
    Failed(String),
    /// The probe panicked.
    Panicked(String),
    /// The probe did not respond within the timeout.
    TimedOut,
}

/// The health of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Not probed yet, or probing is off.
    Unknown,
    /// The newest probe passed.
    Healthy,
    /// The newest probes did not pass, but fewer than the threshold.
    Degraded,
    /// The number of consecutive failed probes has reached the threshold.
    Unhealthy,
}

impl Health {
    /// The name for clients.
    pub fn as_str(self) -> &'static str {
        match self {
            Health::Unknown => "unknown",
            Health::Healthy => "healthy",
            Health::Degraded => "degraded",
            Health::Unhealthy => "unhealthy",
        }
    }
}

impl Probe {
    /// The problem for people; `None` if the probe passed.
    pub fn problem(&self) -> Option<String> {
        match self {
            Probe::Passed => None,
            Probe::Failed(message) => Some(message.clone()),
            Probe::Panicked(message) => Some(format!("the health probe panicked: {message}")),
            Probe::TimedOut => Some("the health probe did not respond in time".to_owned()),
        }
    }
}

/// Returns the health of a plugin after a number of consecutive failed probes.
///
/// `failures_in_a_row` is `None` while no probe has ended yet. A threshold of 0 counts as 1.
pub fn verdict(failures_in_a_row: Option<u32>, threshold: u32) -> Health {
    match failures_in_a_row {
        None => Health::Unknown,
        Some(0) => Health::Healthy,
        Some(n) if n >= threshold.max(1) => Health::Unhealthy,
        Some(_) => Health::Degraded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_depends_on_the_number_of_consecutive_failures() {
        for (failures, threshold, expected) in [
            (None, 3, Health::Unknown),
            (Some(0), 3, Health::Healthy),
            (Some(1), 3, Health::Degraded),
            (Some(2), 3, Health::Degraded),
            (Some(3), 3, Health::Unhealthy),
            (Some(9), 3, Health::Unhealthy),
            (Some(1), 1, Health::Unhealthy),
            (Some(1), 0, Health::Unhealthy),
        ] {
            assert_eq!(verdict(failures, threshold), expected, "{failures:?} of {threshold}");
        }
    }
}
