//! Metrics that a test can read.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use plugin_sdk_abi::measure;
use serde::Deserialize;

#[derive(Default)]
pub(super) struct Metrics(Mutex<Vec<Metric>>);

#[derive(Deserialize, PartialEq)]
struct Definition {
    kind: Kind,
    name: String,
    labels: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

struct Metric {
    definition: Definition,
    value: f64,
    observed: Vec<f64>,
}

impl Metrics {
    fn lock(&self) -> MutexGuard<'_, Vec<Metric>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a metric; the number is its place.
    pub(super) fn open(&self, definition: &[u8]) -> Result<u64, String> {
        let definition: Definition =
            serde_json::from_slice(definition).map_err(|error| format!("the metric's definition: {error}"))?;
        let mut letters = definition.name.chars();
        let is_name = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
            && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !is_name {
            return Err(format!("`{}` is not a metric name: use letters, digits and `_`", definition.name));
        }
        let mut metrics = self.lock();
        let mut same_name = metrics.iter().filter(|metric| metric.definition.name == definition.name);
        if let Some(other) = same_name.find(|metric| metric.definition.kind != definition.kind) {
            return Err(format!("`{}` is a {:?} already", definition.name, other.definition.kind).to_lowercase());
        }
        let at = metrics.iter().position(|metric| metric.definition == definition).unwrap_or_else(|| {
            metrics.push(Metric { definition, value: 0.0, observed: Vec::new() });
            metrics.len() - 1
        });
        Ok(at as u64)
    }

    pub(super) fn measure(&self, metric: u64, operation: u8, value: f64) {
        let mut metrics = self.lock();
        let Some(metric) = usize::try_from(metric).ok().and_then(|at| metrics.get_mut(at)) else { return };
        match (operation, metric.definition.kind) {
            (measure::ADD, Kind::Counter) if value >= 0.0 => metric.value += value,
            (measure::ADD, Kind::Gauge) => metric.value += value,
            (measure::SET, Kind::Gauge) => metric.value = value,
            (measure::OBSERVE, Kind::Histogram) => metric.observed.push(value),
            // A measurement that does not match the kind is ignored, as by the host.
            _ => {}
        }
    }

    pub(super) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: BTreeMap<_, _> =
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let metrics = self.lock();
        let mut found = metrics.iter().filter(|metric| metric.definition.kind != Kind::Histogram);
        found
            .find(|metric| metric.definition.name == name && metric.definition.labels == labels)
            .map(|found| found.value)
    }

    pub(super) fn observed(&self, name: &str) -> Vec<f64> {
        let metrics = self.lock();
        let named = metrics.iter().filter(|metric| metric.definition.name == name);
        named.flat_map(|metric| metric.observed.iter().copied()).collect()
    }
}
