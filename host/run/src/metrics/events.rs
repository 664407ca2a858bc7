//! The metrics of events.

use prometheus::{IntCounter, IntGauge, Registry};

use crate::metrics::MetricFactory;

/// The metrics of events. Clones count together.
#[derive(Clone)]
pub(crate) struct EventMetrics {
    /// Published events.
    pub(crate) published: IntCounter,
    /// Events missing from the journal.
    pub(crate) dropped: IntCounter,
    /// Open event streams.
    pub(crate) streams: IntGauge,
}

impl EventMetrics {
    pub(crate) fn new(registry: &Registry) -> EventMetrics {
        let make = MetricFactory(registry);
        let dropped = "Events missing from the journal because the queue or the disk was full";
        EventMetrics {
            published: make.counter("plugin_host_events_total", "Published events"),
            dropped: make.counter("plugin_host_events_dropped_total", dropped),
            streams: make.gauge("plugin_host_event_streams", "Open event streams"),
        }
    }
}
