//! The counters of a plugin and of its endpoints, looked up once per generation.

use std::sync::Arc;

use host_core::health::Probe;
use prometheus::{Histogram, IntCounter};

/// The reason why a request to an endpoint is refused: the label of `plugin_host_endpoint_refused_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// The plugin does not serve.
    NotServing,
    /// The health probes of the plugin fail.
    Unhealthy,
    /// No endpoint has the path.
    Path,
    /// The endpoint does not accept the method.
    Method,
    /// The caller is not allowed to call the endpoint.
    Auth,
    /// The client exceeded the rate limit.
    RateLimit,
    /// The endpoint does not accept the content type or the content coding.
    ContentType,
    /// The body does not match what the endpoint requires, or cannot be decoded.
    Body,
    /// The body is too large.
    BodyTooLarge,
    /// The caller did not send the whole body.
    BodyIncomplete,
    /// The body did not arrive in time.
    BodyTimedOut,
    /// The request does not open a WebSocket, or not in a valid way.
    Upgrade,
}

impl RefusalReason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [RefusalReason; 12] = [
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
        RefusalReason::Upgrade,
    ];

    /// The value of the label.
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
            RefusalReason::Upgrade => "upgrade",
        }
    }
}

/// The outcomes of a probe, as label values.
pub const PROBE_OUTCOMES: [&str; 4] = ["passed", "failed", "panicked", "timed_out"];
/// The status classes, as label values.
pub const STATUS_CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];

/// The place of a status in [`STATUS_CLASSES`]. A number that is not an HTTP status counts as the nearest class.
pub fn status_class(status: u16) -> usize {
    usize::from(status / 100).clamp(2, 5) - 2
}

/// The counters of one plugin. Clones count together.
#[derive(Clone)]
pub struct PluginCounters(Arc<CountersInner>);

struct CountersInner {
    refused: [IntCounter; RefusalReason::ALL.len()],
    probes: [IntCounter; PROBE_OUTCOMES.len()],
}

impl PluginCounters {
    /// Counts with these counters: one for each of [`RefusalReason::ALL`] and of [`PROBE_OUTCOMES`].
    pub fn new(
        refused: [IntCounter; RefusalReason::ALL.len()],
        probes: [IntCounter; PROBE_OUTCOMES.len()],
    ) -> PluginCounters {
        PluginCounters(Arc::new(CountersInner { refused, probes }))
    }

    /// Counts a refused request.
    pub fn refused(&self, reason: RefusalReason) {
        self.0.refused[reason as usize].inc();
    }

    /// Counts a probe.
    pub fn probed(&self, probe: &Probe) {
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
pub struct EndpointMetrics {
    /// Requests routed to the endpoint.
    pub requests: IntCounter,
    /// Responses with status 500 or higher.
    pub errors: IntCounter,
    /// Seconds until the response head.
    pub duration: Histogram,
    /// Polls of the handler that took longer than `max_poll_ms`.
    pub long_polls: IntCounter,
    /// Responses by status class, in the order of [`STATUS_CLASSES`].
    pub responses: [IntCounter; STATUS_CLASSES.len()],
}

impl EndpointMetrics {
    pub(crate) fn answered(&self, status: u16) {
        self.responses[status_class(status)].inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_at_the_place_of_its_number_and_each_status_has_a_class() {
        for (place, reason) in RefusalReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place, "{}", reason.as_str());
        }
        for (status, expected) in [(100, "2xx"), (204, "2xx"), (304, "3xx"), (429, "4xx"), (599, "5xx"), (999, "5xx")] {
            assert_eq!(STATUS_CLASSES[status_class(status)], expected, "{status}");
        }
    }
}
