//! What is counted, in Prometheus form.
//!
//! | metric | labels | unit |
//! |---|---|---|
//! | `plugin_host_requests_total` | plugin, endpoint | requests answered by a plugin's endpoint |
//! | `plugin_host_request_errors_total` | plugin, endpoint | those with a status of 500 or more |
//! | `plugin_host_request_duration_seconds` | plugin, endpoint | histogram, until the head of the answer |
//! | `plugin_host_panics_total` | plugin | panics caught at the boundary |
//! | `plugin_host_in_flight_requests` | plugin | requests not answered to their last byte |
//! | `plugin_host_generation` | plugin | number of the serving generation, 0 for none |
//! | `plugin_host_circuit_open` | plugin | 1 while calls are refused because its probes fail, else 0 |
//! | `plugin_host_quarantined` | plugin | 1 while it is out of service until the operator says otherwise, else 0 |
//! | `plugin_host_revisions_total` | | changes of what is asked for |
//! | `plugin_host_rollbacks_total` | cause | versions that were taken back: by the `operator`, or `automatic` |
//! | `plugin_host_generations_mapped` | | libraries of plugins that are mapped |
//! | `plugin_host_generations_kept` | | of those, the ones that ended generations keep |
//! | `plugin_host_generations_unmapped_total` | | ended generations whose library was unmapped |
//! | `plugin_host_unmap_duration_seconds` | | histogram, from the swap until the library is unmapped |
//! | `plugin_host_unloading_effective` | | 1 when libraries are unmapped in this process, else 0 |
//! | `plugin_host_plugin_live_bytes` | plugin | heap of the serving generation, when it counts it |
//! | `plugin_host_left_bytes_total` | plugin | heap that unmapped generations left behind, when they count it |
//! | `plugin_host_operations_total` | operation, outcome | ended operations: `done`, `failed`, `cancelled`, `timed_out`, `superseded`; `interrupted` by the end of the host |
//! | `plugin_host_jobs` | state | operations under way: `queued`, `running` |
//! | `plugin_host_builds_total` | outcome | builds: `built`, `cached`, `failed` |
//! | `plugin_host_events_dropped_total` | | events that are not in the journal: the queue or the disk was full |
//! | `plugin_host_event_streams` | | readers that follow the events |
//! | `plugin_host_measures_ignored_total` | plugin | measures of a plugin that have no meaning; kept in `host-services` |
//! | `plugin_host_uptime_seconds` | | since the process started |
//!
//! An endpoint is labelled by method and path as plugin.yaml has them, at most 50 a plugin; a plugin's labels go when
//! it is unloaded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::{
    Encoder as _, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use crate::events::EventMetrics;

/// Upper bounds in seconds: from what an inline call takes to the longest default deadline.
const BUCKETS: &[f64] =
    &[0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// Upper bounds in seconds: from nothing in the way to a long drain.
const UNMAP_BUCKETS: &[f64] = &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 300.0];

/// All metrics of a host.
pub(crate) struct Metrics {
    registry: Registry,
    /// The endpoints that each plugin ever had, to be forgotten with it.
    labels: Mutex<BTreeMap<String, BTreeSet<String>>>,
    requests: IntCounterVec,
    errors: IntCounterVec,
    duration: HistogramVec,
    panics: IntCounterVec,
    in_flight: IntGaugeVec,
    generation: IntGaugeVec,
    circuit_open: IntGaugeVec,
    quarantined: IntGaugeVec,
    pub(crate) revisions: IntCounter,
    pub(crate) rollbacks: IntCounterVec,
    mapped: IntGauge,
    kept: IntGauge,
    unmapped: IntCounter,
    unmap_duration: Histogram,
    unloading: IntGauge,
    live_bytes: IntGaugeVec,
    left_bytes: IntCounterVec,
    pub(crate) operations: IntCounterVec,
    jobs: IntGaugeVec,
    builds: IntCounterVec,
    uptime: prometheus::Gauge,
    pub(crate) events: EventMetrics,
}

/// The counters of one endpoint, found once.
#[derive(Clone)]
pub(crate) struct EndpointMetrics {
    pub(crate) requests: IntCounter,
    pub(crate) errors: IntCounter,
    pub(crate) duration: Histogram,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels).expect("names and labels are constants")
        };
        let gauges = |name: &str, help: &str| {
            IntGaugeVec::new(Opts::new(name, help), &["plugin"]).expect("names and labels are constants")
        };
        let jobs = IntGaugeVec::new(Opts::new("plugin_host_jobs", "Operations under way"), &["state"]);
        let gauge = |name: &str, help: &str| IntGauge::new(name, help).expect("names are constants");
        let unmap_duration =
            HistogramOpts::new("plugin_host_unmap_duration_seconds", "From the swap until a library is unmapped");
        let endpoint = ["plugin", "endpoint"];
        let duration = HistogramOpts::new(
            "plugin_host_request_duration_seconds",
            "Time until the head of a plugin's answer, in seconds",
        );
        let metrics = Metrics {
            requests: counters("plugin_host_requests_total", "Requests answered by a plugin's endpoint", &endpoint),
            errors: counters("plugin_host_request_errors_total", "Answers with a status of 500 or more", &endpoint),
            duration: HistogramVec::new(duration.buckets(BUCKETS.to_vec()), &endpoint)
                .expect("names, labels and buckets are constants"),
            panics: counters("plugin_host_panics_total", "Panics caught at the boundary", &["plugin"]),
            in_flight: gauges("plugin_host_in_flight_requests", "Requests not answered to their last byte"),
            generation: gauges("plugin_host_generation", "Number of the serving generation, 0 for none"),
            circuit_open: gauges("plugin_host_circuit_open", "Whether calls are refused because its probes fail"),
            quarantined: gauges("plugin_host_quarantined", "Whether it is out of service until the operator acts"),
            revisions: IntCounter::new("plugin_host_revisions_total", "Changes of what is asked for")
                .expect("names are constants"),
            rollbacks: counters("plugin_host_rollbacks_total", "Versions that were taken back", &["cause"]),
            mapped: gauge("plugin_host_generations_mapped", "Libraries of plugins that are mapped"),
            kept: gauge("plugin_host_generations_kept", "Libraries that ended generations keep in memory"),
            unmapped: IntCounter::new(
                "plugin_host_generations_unmapped_total",
                "Ended generations whose library was unmapped",
            )
            .expect("names are constants"),
            unmap_duration: Histogram::with_opts(unmap_duration.buckets(UNMAP_BUCKETS.to_vec()))
                .expect("names and buckets are constants"),
            unloading: gauge("plugin_host_unloading_effective", "Whether libraries are unmapped in this process"),
            live_bytes: gauges("plugin_host_plugin_live_bytes", "Heap of the serving generation, in bytes"),
            left_bytes: counters(
                "plugin_host_left_bytes_total",
                "Heap that unmapped generations left behind, in bytes",
                &["plugin"],
            ),
            operations: counters("plugin_host_operations_total", "Ended operations", &["operation", "outcome"]),
            jobs: jobs.expect("names and labels are constants"),
            builds: counters("plugin_host_builds_total", "Builds by outcome", &["outcome"]),
            uptime: prometheus::Gauge::new("plugin_host_uptime_seconds", "Seconds since the process started")
                .expect("names are constants"),
            events: EventMetrics::of(&registry),
            registry,
            labels: Mutex::default(),
        };
        let collectors: [Box<dyn prometheus::core::Collector>; 21] = [
            Box::new(metrics.requests.clone()),
            Box::new(metrics.errors.clone()),
            Box::new(metrics.duration.clone()),
            Box::new(metrics.panics.clone()),
            Box::new(metrics.in_flight.clone()),
            Box::new(metrics.generation.clone()),
            Box::new(metrics.circuit_open.clone()),
            Box::new(metrics.quarantined.clone()),
            Box::new(metrics.revisions.clone()),
            Box::new(metrics.rollbacks.clone()),
            Box::new(metrics.mapped.clone()),
            Box::new(metrics.kept.clone()),
            Box::new(metrics.unmapped.clone()),
            Box::new(metrics.unmap_duration.clone()),
            Box::new(metrics.unloading.clone()),
            Box::new(metrics.live_bytes.clone()),
            Box::new(metrics.left_bytes.clone()),
            Box::new(metrics.operations.clone()),
            Box::new(metrics.jobs.clone()),
            Box::new(metrics.builds.clone()),
            Box::new(metrics.uptime.clone()),
        ];
        for cause in ["operator", "automatic"] {
            // Shown as 0 before the first.
            metrics.rollbacks.with_label_values(&[cause]);
        }
        for collector in collectors {
            metrics.registry.register(collector).expect("no two metrics share a name");
        }
        metrics
    }

    pub(crate) fn endpoint(&self, plugin: &str, endpoint: &str) -> EndpointMetrics {
        let labels = [plugin, endpoint];
        let mut known = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(plugin.to_owned()).or_default().insert(endpoint.to_owned());
        drop(known);
        EndpointMetrics {
            requests: self.requests.with_label_values(&labels),
            errors: self.errors.with_label_values(&labels),
            duration: self.duration.with_label_values(&labels),
        }
    }

    pub(crate) fn panics(&self, plugin: &str) -> IntCounter {
        self.panics.with_label_values(&[plugin])
    }

    /// Takes away all labels of an unloaded plugin.
    pub(crate) fn forget(&self, plugin: &str) {
        let endpoints = self.labels.lock().unwrap_or_else(PoisonError::into_inner).remove(plugin);
        for endpoint in &endpoints.unwrap_or_default() {
            let labels = [plugin, endpoint.as_str()];
            let _ = self.requests.remove_label_values(&labels);
            let _ = self.errors.remove_label_values(&labels);
            let _ = self.duration.remove_label_values(&labels);
        }
        let _ = self.panics.remove_label_values(&[plugin]);
        let _ = self.in_flight.remove_label_values(&[plugin]);
        let _ = self.generation.remove_label_values(&[plugin]);
        let _ = self.circuit_open.remove_label_values(&[plugin]);
        let _ = self.quarantined.remove_label_values(&[plugin]);
        let _ = self.live_bytes.remove_label_values(&[plugin]);
        let _ = self.left_bytes.remove_label_values(&[plugin]);
    }

    /// A library is gone from memory, this long after its generation was replaced.
    pub(crate) fn unmapped(&self, plugin: &str, after: Duration, left_bytes: Option<u64>) {
        self.unmapped.inc();
        self.unmap_duration.observe(after.as_secs_f64());
        let known = self.labels.lock().unwrap_or_else(PoisonError::into_inner).contains_key(plugin);
        if let Some(left_bytes) = left_bytes.filter(|_| known) {
            self.left_bytes.with_label_values(&[plugin]).inc_by(left_bytes);
        }
    }

    /// Everything as Prometheus text. What is not counted as it happens is set here.
    pub(crate) fn render(&self, now: &Now) -> String {
        self.mapped.set(i64::try_from(now.mapped).unwrap_or(i64::MAX));
        self.kept.set(i64::try_from(now.kept).unwrap_or(i64::MAX));
        self.unloading.set(now.unloading.into());
        self.uptime.set(now.uptime_seconds);
        for (state, count) in [("queued", now.jobs.0), ("running", now.jobs.1)] {
            self.jobs.with_label_values(&[state]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        for (outcome, count) in [("built", now.built), ("cached", now.cached), ("failed", now.failed)] {
            let counter = self.builds.with_label_values(&[outcome]);
            counter.inc_by(count.saturating_sub(counter.get()));
        }
        for PluginNow { id, generation, in_flight, live_bytes, circuit_open, quarantined } in &now.plugins {
            self.circuit_open.with_label_values(&[id]).set((*circuit_open).into());
            self.quarantined.with_label_values(&[id]).set((*quarantined).into());
            self.generation.with_label_values(&[id]).set(i64::try_from(*generation).unwrap_or(i64::MAX));
            self.in_flight.with_label_values(&[id]).set(i64::try_from(*in_flight).unwrap_or(i64::MAX));
            match live_bytes {
                Some(bytes) => self.live_bytes.with_label_values(&[id]).set(i64::try_from(*bytes).unwrap_or(i64::MAX)),
                None => drop(self.live_bytes.remove_label_values(&[id])),
            }
        }
        let mut text = vec![];
        // Writing into memory does not fail.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// What is read off when the metrics are asked for.
pub(crate) struct Now {
    pub(crate) mapped: usize,
    pub(crate) kept: usize,
    pub(crate) unloading: bool,
    pub(crate) uptime_seconds: f64,
    /// Operations that wait for their turn, and those that work.
    pub(crate) jobs: (usize, usize),
    pub(crate) built: u64,
    pub(crate) cached: u64,
    pub(crate) failed: u64,
    pub(crate) plugins: Vec<PluginNow>,
}

/// The same of one plugin.
pub(crate) struct PluginNow {
    pub(crate) id: String,
    /// The serving generation, or 0.
    pub(crate) generation: u64,
    /// Requests in flight on all its generations.
    pub(crate) in_flight: usize,
    /// Heap of the serving generation.
    pub(crate) live_bytes: Option<u64>,
    /// Whether its calls are refused because its probes fail.
    pub(crate) circuit_open: bool,
    /// Whether it is out of service until the operator acts.
    pub(crate) quarantined: bool,
}
