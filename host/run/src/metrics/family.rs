//! Metrics as values, for whoever shows them in another form than Prometheus text.

use prometheus::proto;

/// All series of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricFamily {
    /// The name, with its unit.
    pub name: String,
    /// One sentence.
    pub help: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The series.
    pub series: Vec<MetricSeries>,
}

/// One series.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricSeries {
    /// Names and values of its labels.
    pub labels: Vec<(String, String)>,
    /// What was counted or measured.
    pub value: MetricValue,
}

/// What was counted or measured.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricValue {
    /// Of a counter or gauge.
    Number(f64),
    /// Of a histogram.
    Histogram {
        /// How many were observed.
        count: u64,
        /// Their sum.
        sum: f64,
        /// Upper bounds, and how many were not above each.
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
