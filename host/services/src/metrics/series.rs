//! The series of one plugin.

use std::collections::BTreeMap;

use host_core::PluginId;
use host_load::{MeasureOperation, MetricDefinition, MetricKind};
use parking_lot::RwLock;
use prometheus::core::Collector as _;
use prometheus::proto::MetricFamily;
use prometheus::{Counter, Gauge, Histogram, HistogramOpts, IntCounter, Opts};

use super::word;

/// The maximum number of series of one plugin.
const MAX_SERIES: usize = 100;

/// The series of one plugin. The number of a series is its index.
pub(crate) struct SeriesOfPlugin {
    id: PluginId,
    series: RwLock<Vec<Series>>,
    ignored: IntCounter,
}

/// One series.
pub(super) struct Series {
    shown: String,
    definition: MetricDefinition,
    metric: Metric,
}

enum Metric {
    Counter(Counter),
    Gauge(Gauge),
    Histogram(Histogram),
}

impl SeriesOfPlugin {
    pub(super) fn new(id: PluginId, ignored: IntCounter) -> SeriesOfPlugin {
        SeriesOfPlugin { id, series: RwLock::default(), ignored }
    }

    pub(super) fn id(&self) -> &PluginId {
        &self.id
    }

    /// Finds the series of this name and these labels, and whether its buckets match the definition. The help text may
    /// differ; the first one is kept.
    ///
    /// # Errors
    /// The reason why the series conflicts with the existing ones.
    pub(super) fn find(&self, definition: &MetricDefinition) -> Result<Option<(u64, bool)>, String> {
        let series = self.series.read();
        let MetricDefinition { kind, name, labels, buckets, .. } = definition;
        let of_name =
            series.iter().map(|series| &series.definition).enumerate().filter(|(_, known)| known.name == *name);
        for (number, known) in of_name {
            if known.kind != *kind {
                let known = word(known.kind);
                let wanted = word(*kind);
                return Err(format!("metric `{name}` of this plugin is already a {known}, not a {wanted}"));
            }
            if known.labels == *labels {
                return Ok(Some((number as u64, known.buckets == *buckets)));
            }
        }
        if series.len() >= MAX_SERIES {
            return Err(format!("the plugin has reached the limit of {MAX_SERIES} metric series"));
        }
        Ok(None)
    }

    /// Replaces a series that had other buckets. The new series starts from zero.
    pub(super) fn replace(&self, number: u64, definition: &MetricDefinition) -> Result<(), String> {
        let mut series = self.series.write();
        if let Some(old) = usize::try_from(number).ok().and_then(|number| series.get_mut(number)) {
            *old = Series::new(&old.shown, &self.id, definition)?;
        }
        Ok(())
    }

    pub(super) fn add(&self, new: Series) -> u64 {
        let mut series = self.series.write();
        series.push(new);
        (series.len() - 1) as u64
    }

    /// Applies a measurement. Invalid measurements are ignored and counted, because the boundary has no way to report
    /// them.
    pub(crate) fn measure(&self, number: u64, operation: MeasureOperation, value: f64) {
        let series = self.series.read();
        let found = usize::try_from(number).ok().and_then(|number| series.get(number));
        match (found.map(|series| &series.metric), operation) {
            (Some(Metric::Counter(counter)), MeasureOperation::Add) if value.is_finite() && value >= 0.0 => {
                counter.inc_by(value);
            }
            (Some(Metric::Gauge(gauge)), MeasureOperation::Add) if value.is_finite() => gauge.add(value),
            (Some(Metric::Gauge(gauge)), MeasureOperation::Set) if value.is_finite() => gauge.set(value),
            (Some(Metric::Histogram(histogram)), MeasureOperation::Observe) if value.is_finite() => {
                histogram.observe(value);
            }
            _ => self.ignored.inc(),
        }
    }

    pub(super) fn collect(&self) -> Vec<MetricFamily> {
        let series = self.series.read();
        series.iter().flat_map(Series::collect).collect()
    }

    pub(super) fn shown_names(&self) -> Vec<String> {
        let series = self.series.read();
        series.iter().map(|series| series.shown.clone()).collect()
    }
}

impl Series {
    /// A series that is exported as `shown`.
    pub(super) fn new(shown: &str, plugin: &PluginId, definition: &MetricDefinition) -> Result<Series, String> {
        let help = match definition.help.trim() {
            "" => "A metric of a plugin",
            help => help,
        };
        let mut labels: BTreeMap<String, String> = definition.labels.clone();
        labels.insert("plugin".to_owned(), plugin.to_string());
        let options = Opts::new(shown, help).const_labels(labels.into_iter().collect());
        let metric = match definition.kind {
            MetricKind::Counter => Counter::with_opts(options).map(Metric::Counter),
            MetricKind::Gauge => Gauge::with_opts(options).map(Metric::Gauge),
            MetricKind::Histogram => {
                Histogram::with_opts(HistogramOpts::from(options).buckets(definition.buckets.clone()))
                    .map(Metric::Histogram)
            }
        };
        let metric = metric.map_err(|error| error.to_string())?;
        Ok(Series { shown: shown.to_owned(), definition: definition.clone(), metric })
    }

    fn collect(&self) -> Vec<MetricFamily> {
        match &self.metric {
            Metric::Counter(counter) => counter.collect(),
            Metric::Gauge(gauge) => gauge.collect(),
            Metric::Histogram(histogram) => histogram.collect(),
        }
    }
}
