//! Metrics as values, for formats other than Prometheus text.

use prometheus::proto;

/// All series of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricFamily {
    /// The name, including the unit.
    pub name: String,
    /// The help text, one sentence.
    pub help: String,
    /// The kind: `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The series.
    pub series: Vec<MetricSeries>,
}

/// One series of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricSeries {
    /// The names and values of the labels.
    pub labels: Vec<(String, String)>,
    /// The value.
    pub value: MetricValue,
}

/// The value of a series.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricValue {
    /// The value of a counter or gauge.
    Number(f64),
    /// The value of a histogram.
    Histogram {
        /// The number of observations.
        count: u64,
        /// The sum of the observations.
        sum: f64,
        /// The upper bounds, each with the number of observations that do not exceed it.
        buckets: Vec<(f64, u64)>,
    },
}

impl MetricFamily {
    pub(crate) fn from_proto(family: &proto::MetricFamily) -> MetricFamily {
        let kind = match family.get_field_type() {
            proto::MetricType::COUNTER => "counter",
            proto::MetricType::HISTOGRAM => "histogram",
            _ => "gauge",
        };
        let series = family.get_metric().iter().map(|metric| MetricSeries {
            labels: metric.get_label().iter().map(|pair| (pair.name().to_owned(), pair.value().to_owned())).collect(),
            value: match kind {
                "counter" => MetricValue::Number(metric.get_counter().get_value()),
                "histogram" => {
                    let found = metric.get_histogram();
                    let buckets = found.get_bucket().iter();
                    MetricValue::Histogram {
                        count: found.get_sample_count(),
                        sum: found.get_sample_sum(),
                        buckets: buckets.map(|bucket| (bucket.upper_bound(), bucket.cumulative_count())).collect(),
                    }
                }
                _ => MetricValue::Number(metric.get_gauge().get_value()),
            },
        });
        MetricFamily { name: family.name().to_owned(), help: family.help().to_owned(), kind, series: series.collect() }
    }
}
