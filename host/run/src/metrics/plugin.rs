//! What is counted of a plugin and of its endpoints, found once.

use std::sync::Arc;

use host_core::health::Probe;
use prometheus::{Histogram, IntCounter};

/// Why a request to an endpoint is refused, in a word for `plugin_host_endpoint_refused_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// The plugin does not serve.
    NotServing,
    /// Its probes say that it does not work.
    Unhealthy,
    /// It has no such endpoint.
    Path,
    /// The endpoint does not take the method.
    Method,
    /// Nobody who may call it.
    Auth,
    /// The client calls too often.
    RateLimit,
    /// The endpoint does not take the content type.
    ContentType,
    /// The body is not what the endpoint asks for.
    Body,
    /// The body is too large.
    BodyTooLarge,
    /// The body broke off.
    BodyIncomplete,
    /// The body did not arrive in time.
    BodyTimedOut,
}

impl RefusalReason {
    /// All.
    pub(crate) const ALL: [RefusalReason; 11] = [
        RefusalReason::NotServing,
        RefusalReason::Unhealthy,
        RefusalReason::Path,
        RefusalReason::Method,
        RefusalReason::Auth,
        RefusalReason::RateLimit,
        RefusalReason::ContentType,
        RefusalReason::Body,
        RefusalReason::BodyTooLarge,
        RefusalReason::BodyIncomplete,
        RefusalReason::BodyTimedOut,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            RefusalReason::NotServing => "not_serving",
            RefusalReason::Unhealthy => "unhealthy",
            RefusalReason::Path => "path",
            RefusalReason::Method => "method",
            RefusalReason::Auth => "auth",
            RefusalReason::RateLimit => "rate_limit",
            RefusalReason::ContentType => "content_type",
            RefusalReason::Body => "body",
            RefusalReason::BodyTooLarge => "body_too_large",
            RefusalReason::BodyIncomplete => "body_incomplete",
            RefusalReason::BodyTimedOut => "body_timed_out",
        }
    }
}

/// What becomes of a probe, in words.
pub(super) const PROBE_OUTCOMES: [&str; 4] = ["passed", "failed", "panicked", "timed_out"];
/// Statuses by their first digit, from 2.
pub(super) const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The class of a status. What is no answer of HTTP's counts as the last.
pub(super) fn class(status: u16) -> usize {
    usize::from(status / 100).clamp(2, 5) - 2
}

/// The counters of one plugin. Clones count together.
#[derive(Clone)]
pub(crate) struct PluginCounters(pub(super) Arc<OfPlugin>);

pub(super) struct OfPlugin {
    pub(super) refused: [IntCounter; RefusalReason::ALL.len()],
    pub(super) probes: [IntCounter; PROBE_OUTCOMES.len()],
}

impl PluginCounters {
    pub(crate) fn refused(&self, reason: RefusalReason) {
        self.0.refused[reason as usize].inc();
    }

    pub(crate) fn probed(&self, probe: &Probe) {
        let outcome = match probe {
            Probe::Passed => 0,
            Probe::Failed(_) => 1,
            Probe::Panicked(_) => 2,
            Probe::TimedOut => 3,
        };
        self.0.probes[outcome].inc();
    }
}

/// The counters of one endpoint. Clones count together.
#[derive(Clone)]
pub(crate) struct EndpointMetrics {
    pub(crate) requests: IntCounter,
    pub(crate) errors: IntCounter,
    pub(crate) duration: Histogram,
    pub(super) responses: [IntCounter; CLASSES.len()],
}

impl EndpointMetrics {
    pub(crate) fn answered(&self, status: u16) {
        self.responses[class(status)].inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_stands_at_its_place_and_every_status_has_a_class() {
        for (place, reason) in RefusalReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{}", reason.as_str());
        }
        for (status, expected) in [(100, "2xx"), (204, "2xx"), (304, "3xx"), (429, "4xx"), (599, "5xx"), (999, "5xx")] {
            assert_eq!(CLASSES[class(status)], expected, "{status}");
        }
    }
}
