//! Creation of metrics that are registered from the start.

use prometheus::core::Collector;
use prometheus::{
    Counter, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

/// The reason why creating a metric cannot fail.
const CONSTANT: &str = "names, labels and buckets are constants, and no two metrics share a name";

/// Creates metrics in a registry. Names and labels are constants of this crate.
pub(crate) struct MetricFactory<'a>(pub(crate) &'a Registry);

impl MetricFactory<'_> {
    pub(crate) fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.kept(IntCounter::new(name, help))
    }

    pub(crate) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        self.kept(IntCounterVec::new(Opts::new(name, help), labels))
    }

    pub(crate) fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.kept(IntGauge::new(name, help))
    }

    pub(crate) fn seconds_total(&self, name: &str, help: &str) -> Counter {
        self.kept(Counter::new(name, help))
    }

    pub(crate) fn seconds(&self, name: &str, help: &str) -> Gauge {
        self.kept(Gauge::new(name, help))
    }

    pub(crate) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        self.kept(IntGaugeVec::new(Opts::new(name, help), labels))
    }

    pub(crate) fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        self.kept(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec())))
    }

    pub(crate) fn histograms(&self, name: &str, help: &str, buckets: &[f64], labels: &[&str]) -> HistogramVec {
        self.kept(HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels))
    }

    fn kept<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let metric = made.expect(CONSTANT);
        self.0.register(Box::new(metric.clone())).expect(CONSTANT);
        metric
    }
}
