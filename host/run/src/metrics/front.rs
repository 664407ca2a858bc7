//! The metrics of the HTTP server. The server counts them; they are exported with all others.

use std::time::Duration;

use host_call::{STATUS_CLASSES, status_class};
use prometheus::{HistogramVec, IntCounter, IntCounterVec, IntGauge, Registry};

use crate::metrics::MetricFactory;

/// Upper bounds in seconds: from a response out of memory to a build.
const BUCKETS: &[f64] = &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0];

/// The metrics of the HTTP server. Clones count together.
#[derive(Clone, Debug)]
pub struct FrontMetrics {
    requests: IntCounterVec,
    duration: HistogramVec,
    connections: IntGauge,
    accepted: IntCounter,
    refused: IntCounter,
    evicted: IntCounter,
    by_version: [IntCounter; HttpVersion::ALL.len()],
    auth_failures: IntCounterVec,
    pub(crate) log_streams: IntGauge,
    job_log_streams: IntGauge,
}

/// The version of HTTP that a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpVersion {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
}

impl HttpVersion {
    /// The label values, in the order of the versions.
    const ALL: [&'static str; 3] = ["1.0", "1.1", "2"];
}

/// Counts an active item in a gauge until it is dropped.
#[derive(Debug)]
pub struct ActiveGauge(IntGauge);

impl FrontMetrics {
    pub(crate) fn new(registry: &Registry) -> FrontMetrics {
        let make = MetricFactory(registry);
        let action = ["action"];
        let by_version = make.counters(
            "plugin_host_http_connections_total",
            "Connections that have sent a request, by its HTTP version",
            &["http_version"],
        );
        FrontMetrics {
            requests: make.counters(
                "plugin_host_api_requests_total",
                "Responses of the management API by action and status class",
                &["action", "status"],
            ),
            duration: make.histograms(
                "plugin_host_api_request_duration_seconds",
                "Time until the response head of the management API, in seconds",
                BUCKETS,
                &action,
            ),
            connections: make.gauge("plugin_host_connections", "Open connections"),
            accepted: make.counter("plugin_host_connections_total", "Accepted connections"),
            refused: make.counter(
                "plugin_host_connections_refused_total",
                "Connections closed at once because their address had reached its limit",
            ),
            evicted: make.counter(
                "plugin_host_connections_evicted_total",
                "Idle or stalled connections closed to make room for new ones",
            ),
            by_version: HttpVersion::ALL.map(|version| by_version.with_label_values(&[version])),
            auth_failures: make.counters(
                "plugin_host_auth_failures_total",
                "Requests refused by authentication or authorization, by reason",
                &["reason"],
            ),
            log_streams: make.gauge("plugin_host_log_streams", "Open log streams of plugins"),
            job_log_streams: make.gauge("plugin_host_job_log_streams", "Open log streams of jobs"),
        }
    }

    /// Counts a response of the management API. `action` must come from the route table, never from a client.
    pub fn answered(&self, action: &'static str, status: u16, took: Duration) {
        self.requests.with_label_values(&[action, STATUS_CLASSES[status_class(status)]]).inc();
        self.duration.with_label_values(&[action]).observe(took.as_secs_f64());
    }

    /// Counts an accepted connection. It counts as open until the returned value is dropped.
    pub fn connection(&self) -> ActiveGauge {
        self.accepted.inc();
        ActiveGauge::new(&self.connections)
    }

    /// Counts a connection by the version of its first request.
    pub fn http_connection(&self, version: HttpVersion) {
        self.by_version[version as usize].inc();
    }

    /// Counts a connection that was closed at once because its address had too many.
    pub fn connection_refused(&self) {
        self.refused.inc();
    }

    /// Counts a connection that was closed to make room for a new one.
    pub fn connection_evicted(&self) {
        self.evicted.inc();
    }

    /// Counts a request refused by authentication or authorization. `reason` must be a word of a fixed list.
    pub fn auth_failed(&self, reason: &'static str) {
        self.auth_failures.with_label_values(&[reason]).inc();
    }

    /// Exports a reason as 0 before its first refusal.
    pub(super) fn known_auth_failure(&self, reason: &'static str) {
        self.auth_failures.with_label_values(&[reason]);
    }

    /// Counts an open log stream of a job.
    pub fn job_log_stream(&self) -> ActiveGauge {
        ActiveGauge::new(&self.job_log_streams)
    }
}

impl ActiveGauge {
    pub(crate) fn new(gauge: &IntGauge) -> ActiveGauge {
        gauge.inc();
        ActiveGauge(gauge.clone())
    }
}

impl Drop for ActiveGauge {
    fn drop(&mut self) {
        self.0.dec();
    }
}
