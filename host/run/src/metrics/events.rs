//! What is counted of events.

use prometheus::{IntCounter, IntGauge, Registry};

use crate::metrics::MetricFactory;

/// What is counted of events. Clones count together.
#[derive(Clone)]
pub(crate) struct EventMetrics {
    /// Those that were told.
    pub(crate) published: IntCounter,
    /// Those that are not in the journal.
    pub(crate) dropped: IntCounter,
    /// Readers that follow.
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
