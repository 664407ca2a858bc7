//! The plugin's own metrics.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use plugin_sdk_abi::measure;
use serde_json::json;

use super::ServiceError;
use crate::plugin_runtime::PluginRuntime;

/// The plugin's own metrics, shown on `/metrics` beside the host's.
///
/// Open metrics once, in `#[start]`, and store them: they are cheap to clone, and a measurement costs one function
/// call.
///
/// ```
/// # use plugin_sdk::prelude::*;
/// # use plugin_sdk::services::Counter;
/// # fn example(context: Context) -> Result<()> {
/// let metrics = context.metrics();
/// let fed: Counter = metrics.with_label("food", "tuna").counter("cats_fed_total", "Cats that were fed")?;
/// let seconds = metrics.histogram("cats_meal_seconds", "How long a meal takes", &[0.1, 1.0, 10.0])?;
/// fed.inc();
/// seconds.observe(0.3);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Metrics {
    plugin_runtime: Arc<PluginRuntime>,
    labels: BTreeMap<String, String>,
}

#[derive(Clone)]
struct Metric {
    plugin_runtime: Arc<PluginRuntime>,
    id: u64,
}

/// A count that only increases.
#[derive(Clone)]
pub struct Counter(Metric);

/// A value that can go up and down.
#[derive(Clone)]
pub struct Gauge(Metric);

/// Values, counted in buckets.
#[derive(Clone)]
pub struct Histogram(Metric);

impl Metrics {
    pub(crate) fn new(plugin_runtime: Arc<PluginRuntime>) -> Metrics {
        Metrics { plugin_runtime, labels: BTreeMap::new() }
    }

    /// Adds a label to the metrics opened afterwards. Use few different values, because each one is a separate series.
    pub fn with_label(&self, name: impl Into<String>, value: impl Into<String>) -> Metrics {
        let mut metrics = self.clone();
        metrics.labels.insert(name.into(), value.into());
        metrics
    }

    /// Opens a counter; `help` is one sentence. The same name and labels return the same counter.
    ///
    /// # Errors
    /// The permission `metrics.write` is missing, the name is invalid, or it is used for another kind of metric.
    pub fn counter(&self, name: &str, help: &str) -> Result<Counter, ServiceError> {
        self.open("counter", name, help, &[]).map(Counter)
    }

    /// Opens a gauge.
    ///
    /// # Errors
    /// As for [`Metrics::counter`].
    pub fn gauge(&self, name: &str, help: &str) -> Result<Gauge, ServiceError> {
        self.open("gauge", name, help, &[]).map(Gauge)
    }

    /// Opens a histogram with the upper bounds of its buckets; without any, the host chooses.
    ///
    /// # Errors
    /// As for [`Metrics::counter`].
    pub fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, ServiceError> {
        self.open("histogram", name, help, buckets).map(Histogram)
    }

    fn open(&self, kind: &str, name: &str, help: &str, buckets: &[f64]) -> Result<Metric, ServiceError> {
        let host = self.plugin_runtime.host.as_ref().ok_or_else(|| ServiceError::old_host("metrics for plugins"))?;
        let definition = json!({ "kind": kind, "name": name, "help": help, "labels": self.labels, "buckets": buckets });
        let opened =
            host.metric(&definition.to_string()).ok_or_else(|| ServiceError::old_host("metrics for plugins"))?;
        let id = opened.map_err(|failure| {
            // The host returns one sentence; for a missing permission it equals that of the other services.
            let (status, code) = if failure.message.contains("metrics.write") {
                (StatusCode::FORBIDDEN, "permission_denied")
            } else {
                (StatusCode::BAD_REQUEST, "metric_refused")
            };
            ServiceError::new(status, code, failure.message.as_str())
        })?;
        Ok(Metric { plugin_runtime: self.plugin_runtime.clone(), id })
    }
}

impl Metric {
    fn measure(&self, operation: u8, value: f64) {
        if let Some(host) = &self.plugin_runtime.host {
            host.measure(self.id, operation, value);
        }
    }
}

impl Counter {
    /// Adds one.
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Adds `value`, which is not negative.
    pub fn add(&self, value: f64) {
        self.0.measure(measure::ADD, value);
    }
}

impl Gauge {
    /// Sets the gauge to `value`.
    pub fn set(&self, value: f64) {
        self.0.measure(measure::SET, value);
    }

    /// Adds `value`, which may be negative.
    pub fn add(&self, value: f64) {
        self.0.measure(measure::ADD, value);
    }
}

impl Histogram {
    /// Counts `value`.
    pub fn observe(&self, value: f64) {
        self.0.measure(measure::OBSERVE, value);
    }

    /// Counts a time, in seconds.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }
}

macro_rules! opaque {
    ($($type:ident)*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($type))
            }
        }
    )*};
}

opaque! { Metrics Counter Gauge Histogram }
