//! What is counted of events.

use prometheus::{IntCounter, IntGauge, Registry};

/// What is counted of events. Clones count together.
#[derive(Clone)]
pub(crate) struct EventMetrics {
    /// Those that are not in the journal.
    pub(super) dropped: IntCounter,
    /// Readers that follow.
    pub(super) streams: IntGauge,
}

impl EventMetrics {
    pub(crate) fn of(registry: &Registry) -> EventMetrics {
        let dropped = "Events that are not in the journal: the queue or the disk was full";
        let dropped = IntCounter::new("plugin_host_events_dropped_total", dropped).expect("names are constants");
        let streams = IntGauge::new("plugin_host_event_streams", "Readers that follow the events");
        let streams = streams.expect("names are constants");
        let collectors: [Box<dyn prometheus::core::Collector>; 2] =
            [Box::new(dropped.clone()), Box::new(streams.clone())];
        for collector in collectors {
            registry.register(collector).expect("no two metrics share a name");
        }
        EventMetrics { dropped, streams }
    }
}
