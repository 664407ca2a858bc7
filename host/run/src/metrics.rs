//! The metrics of the host. `docs/metrics.md` lists every metric with its labels and unit; a test compares it with
//! `/metrics`.
//!
//! Label values never come from a caller: they are ids of installed plugins, endpoints of plugin.yaml (at most 50 per
//! plugin), actions of the route table, or words of a fixed list. The series of a plugin are removed when it is
//! unloaded.

mod events;
mod family;
mod front;
mod gather;
mod make;
mod process;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use host_call::{EndpointMetrics, PROBE_OUTCOMES, PluginCounters, RefusalReason, STATUS_CLASSES};
use parking_lot::Mutex;
use process::ProcessMetrics;
use prometheus::{Gauge, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};

pub(crate) use events::EventMetrics;
pub use family::{MetricFamily, MetricSeries, MetricValue};
pub use front::{ActiveGauge, FrontMetrics, HttpVersion};
use gather::whole;
pub(crate) use gather::{MetricsNow, PluginNow, text};
pub(crate) use make::MetricFactory;

/// Upper bounds in seconds: from the duration of an inline call to the longest default timeout.
const BUCKETS: &[f64] =
    &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// Upper bounds in seconds: from an immediate unmapping to a long drain.
const UNMAP_BUCKETS: &[f64] = &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 300.0];

/// Upper bounds in seconds: from the start of a built plugin to a cold build.
const OPERATION_BUCKETS: &[f64] = &[0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0, 900.0];

/// All metrics of a host.
pub(crate) struct Metrics {
    registry: Registry,
    /// The endpoints that each plugin ever had, so that their series can be removed with it.
    labels: Mutex<BTreeMap<String, BTreeSet<String>>>,
    requests: IntCounterVec,
    errors: IntCounterVec,
    responses: IntCounterVec,
    duration: HistogramVec,
    long_polls: IntCounterVec,
    refused: IntCounterVec,
    probes: IntCounterVec,
    panics: IntCounterVec,
    in_flight: IntGaugeVec,
    generation: IntGaugeVec,
    circuit_open: IntGaugeVec,
    quarantined: IntGaugeVec,
    plugins: IntGaugeVec,
    plugins_by_health: IntGaugeVec,
    pub(crate) revisions: IntCounter,
    pub(crate) rollbacks: IntCounterVec,
    mapped: IntGauge,
    kept: IntGauge,
    unmapped: IntCounter,
    unmap_duration: Histogram,
    unloading: IntGauge,
    live_bytes: IntGaugeVec,
    left_bytes: IntCounterVec,
    operations: IntCounterVec,
    operation_duration: HistogramVec,
    jobs: IntGaugeVec,
    builds: IntCounterVec,
    builds_at_work: IntGaugeVec,
    cargo_runs: IntCounter,
    disk_bytes: IntGaugeVec,
    uptime: Gauge,
    start: Gauge,
    process: ProcessMetrics,
    pub(crate) front: FrontMetrics,
    pub(crate) events: EventMetrics,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let registry = Registry::new();
        let make = MetricFactory(&registry);
        let endpoint = ["plugin", "endpoint"];
        let plugin = ["plugin"];
        let metrics = Metrics {
            requests: make.counters("plugin_host_requests_total", "Requests routed to a plugin endpoint", &endpoint),
            errors: make.counters(
                "plugin_host_request_errors_total",
                "Responses of a plugin endpoint with status 500 or higher",
                &endpoint,
            ),
            responses: make.counters(
                "plugin_host_responses_total",
                "Responses of a plugin endpoint by status class",
                &["plugin", "endpoint", "status"],
            ),
            duration: make.histograms(
                "plugin_host_request_duration_seconds",
                "Time until the response head of a plugin endpoint, in seconds",
                BUCKETS,
                &endpoint,
            ),
            long_polls: make.counters(
                "plugin_host_long_polls_total",
                "Polls of a handler that blocked its thread for longer than max_poll_ms",
                &endpoint,
            ),
            refused: make.counters(
                "plugin_host_endpoint_refused_total",
                "Requests refused before they reached the plugin, by reason",
                &["plugin", "reason"],
            ),
            probes: make.counters("plugin_host_probes_total", "Health probes by outcome", &["plugin", "outcome"]),
            panics: make.counters("plugin_host_panics_total", "Panics of a plugin caught by the host", &plugin),
            in_flight: make.gauges(
                "plugin_host_in_flight_requests",
                "Requests in flight, until the last byte of the response",
                &plugin,
            ),
            generation: make.gauges(
                "plugin_host_generation",
                "Number of the serving generation; 0 if none serves",
                &plugin,
            ),
            circuit_open: make.gauges(
                "plugin_host_circuit_open",
                "1 while calls are refused because health probes fail",
                &plugin,
            ),
            quarantined: make.gauges(
                "plugin_host_quarantined",
                "1 while the plugin is quarantined until an operator acts",
                &plugin,
            ),
            plugins: make.gauges("plugin_host_plugins", "Installed plugins by phase", &["phase"]),
            plugins_by_health: make.gauges("plugin_host_plugins_by_health", "Installed plugins by health", &["health"]),
            revisions: make.counter("plugin_host_revisions_total", "Revisions of the desired state"),
            rollbacks: make.counters(
                "plugin_host_rollbacks_total",
                "Rollbacks to an earlier version, by cause",
                &["cause"],
            ),
            mapped: make.gauge("plugin_host_generations_mapped", "Plugin libraries mapped into memory"),
            kept: make.gauge("plugin_host_generations_kept", "Plugin libraries kept in memory by ended generations"),
            unmapped: make
                .counter("plugin_host_generations_unmapped_total", "Ended generations with an unmapped library"),
            unmap_duration: make.histogram(
                "plugin_host_unmap_duration_seconds",
                "Time from the replacement of a generation until its library is unmapped, in seconds",
                UNMAP_BUCKETS,
            ),
            unloading: make.gauge("plugin_host_unloading_effective", "1 if this process unmaps plugin libraries"),
            live_bytes: make.gauges(
                "plugin_host_plugin_live_bytes",
                "Heap memory of the serving generation, in bytes",
                &plugin,
            ),
            left_bytes: make.counters(
                "plugin_host_left_bytes_total",
                "Heap memory leaked by unmapped generations, in bytes",
                &plugin,
            ),
            operations: make.counters(
                "plugin_host_operations_total",
                "Ended operations by outcome",
                &["operation", "outcome"],
            ),
            operation_duration: make.histograms(
                "plugin_host_operation_duration_seconds",
                "Duration of ended operations, in seconds",
                OPERATION_BUCKETS,
                &["operation"],
            ),
            jobs: make.gauges("plugin_host_jobs", "Queued and running operations", &["state"]),
            builds: make.counters("plugin_host_builds_total", "Builds by outcome", &["outcome"]),
            builds_at_work: make.gauges("plugin_host_builds", "Waiting and running builds", &["state"]),
            cargo_runs: make.counter("plugin_host_cargo_runs_total", "Runs of cargo"),
            disk_bytes: make.gauges(
                "plugin_host_disk_bytes",
                "Disk usage at the last measurement, in bytes",
                &["kind"],
            ),
            uptime: make.seconds("plugin_host_uptime_seconds", "Time since the host started, in seconds"),
            start: make
                .seconds("process_start_time_seconds", "Start time of the process, in seconds since the Unix epoch"),
            process: ProcessMetrics::new(&registry),
            front: FrontMetrics::new(&registry),
            events: EventMetrics::new(&registry),
            labels: Mutex::default(),
            registry,
        };
        for cause in ["operator", "automatic"] {
            // Exported as 0 before the first rollback.
            metrics.rollbacks.with_label_values(&[cause]);
        }
        for reason in ["token", "role"] {
            metrics.front.known_auth_failure(reason);
        }
        metrics
    }

    pub(crate) fn endpoint(&self, plugin: &str, endpoint: &str) -> EndpointMetrics {
        let labels = [plugin, endpoint];
        let mut known = self.labels.lock();
        known.entry(plugin.to_owned()).or_default().insert(endpoint.to_owned());
        drop(known);
        EndpointMetrics {
            requests: self.requests.with_label_values(&labels),
            errors: self.errors.with_label_values(&labels),
            duration: self.duration.with_label_values(&labels),
            long_polls: self.long_polls.with_label_values(&labels),
            responses: STATUS_CLASSES.map(|class| self.responses.with_label_values(&[plugin, endpoint, class])),
        }
    }

    /// The counters of a plugin as a whole.
    pub(crate) fn plugin(&self, plugin: &str) -> PluginCounters {
        PluginCounters::new(
            RefusalReason::ALL.map(|reason| self.refused.with_label_values(&[plugin, reason.as_str()])),
            PROBE_OUTCOMES.map(|outcome| self.probes.with_label_values(&[plugin, outcome])),
        )
    }

    /// Counts a request that was refused because an installed plugin does not serve.
    pub(crate) fn refused(&self, plugin: &str, reason: RefusalReason) {
        self.refused.with_label_values(&[plugin, reason.as_str()]).inc();
    }

    pub(crate) fn panics(&self, plugin: &str) -> IntCounter {
        self.panics.with_label_values(&[plugin])
    }

    /// Counts an ended operation.
    pub(crate) fn operation(&self, operation: &str, outcome: &str, took: Duration) {
        self.operations.with_label_values(&[operation, outcome]).inc();
        self.operation_duration.with_label_values(&[operation]).observe(took.as_secs_f64());
    }

    /// Removes all series of an unloaded plugin.
    pub(crate) fn forget(&self, plugin: &str) {
        let endpoints = self.labels.lock().remove(plugin);
        for endpoint in &endpoints.unwrap_or_default() {
            let labels = [plugin, endpoint.as_str()];
            let _ = self.requests.remove_label_values(&labels);
            let _ = self.errors.remove_label_values(&labels);
            let _ = self.long_polls.remove_label_values(&labels);
            let _ = self.duration.remove_label_values(&labels);
            for class in STATUS_CLASSES {
                let _ = self.responses.remove_label_values(&[plugin, endpoint, class]);
            }
        }
        for reason in RefusalReason::ALL {
            let _ = self.refused.remove_label_values(&[plugin, reason.as_str()]);
        }
        for outcome in PROBE_OUTCOMES {
            let _ = self.probes.remove_label_values(&[plugin, outcome]);
        }
        let _ = self.panics.remove_label_values(&[plugin]);
        let _ = self.in_flight.remove_label_values(&[plugin]);
        let _ = self.generation.remove_label_values(&[plugin]);
        let _ = self.circuit_open.remove_label_values(&[plugin]);
        let _ = self.quarantined.remove_label_values(&[plugin]);
        let _ = self.live_bytes.remove_label_values(&[plugin]);
        let _ = self.left_bytes.remove_label_values(&[plugin]);
    }

    /// Counts an unmapped library, `after` the replacement of its generation.
    pub(crate) fn unmapped(&self, plugin: &str, after: Duration, left_bytes: Option<u64>) {
        self.unmapped.inc();
        self.unmap_duration.observe(after.as_secs_f64());
        let known = self.labels.lock().contains_key(plugin);
        if let Some(left_bytes) = left_bytes.filter(|_| known) {
            self.left_bytes.with_label_values(&[plugin]).inc_by(left_bytes);
        }
    }

    /// Records a measurement of the disk usage.
    pub(crate) fn on_disk(&self, usage: &host_store::Usage) {
        for (kind, bytes) in
            [("artifacts", usage.artifact_bytes), ("trees", usage.tree_bytes), ("build_cache", usage.build_cache_bytes)]
        {
            self.disk_bytes.with_label_values(&[kind]).set(whole(bytes));
        }
    }
}
