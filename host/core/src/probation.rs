//! Probation: decides whether a new version is rolled back.

use crate::health::Health;

/// The rules of the probation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// The duration from the swap, in milliseconds; 0 disables the probation.
    pub window_ms: u64,
    /// The error rate above which the version is rolled back, from 0 to 1.
    pub max_error_rate: f64,
    /// The number of responses below which the error rate is ignored.
    pub min_requests: u64,
}

impl Default for Rules {
    /// One minute; a rollback if more than half of at least 20 responses failed.
    fn default() -> Rules {
        Rules { window_ms: 60_000, max_error_rate: 0.5, min_requests: 20 }
    }
}

/// Returns the reason for a rollback, from the probes and the share of failed responses.
pub fn verdict(rules: &Rules, health: Health, problem: Option<&str>, requests: u64, errors: u64) -> Option<String> {
    if health == Health::Unhealthy {
        return Some(format!("its health probes failed: {}", problem.unwrap_or("they did not pass")));
    }
    let rate = errors as f64 / requests.max(1) as f64;
    let is_bad = requests >= rules.min_requests.max(1) && rate > rules.max_error_rate;
    is_bad.then(|| format!("{errors} of its first {requests} responses failed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_rolled_back_for_its_health_or_its_responses() {
        let rules = Rules::default();
        for (health, requests, errors, expected) in [
            (Health::Healthy, 0, 0, None),
            (Health::Unknown, 0, 0, None),
            (Health::Degraded, 100, 50, None),
            (Health::Healthy, 19, 19, None),
            (Health::Healthy, 20, 10, None),
            (Health::Healthy, 20, 11, Some("11 of its first 20 responses failed")),
            (Health::Unknown, 100, 100, Some("100 of its first 100 responses failed")),
            (Health::Unhealthy, 0, 0, Some("its health probes failed: no database")),
        ] {
            let verdict = verdict(&rules, health, Some("no database"), requests, errors);
            assert_eq!(verdict.as_deref(), expected, "{health:?} {errors}/{requests}");
        }
    }
}
