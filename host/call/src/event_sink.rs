//! The sink for events of a generation.

use std::fmt;
use std::sync::Arc;

use host_core::PluginId;
use host_core::event::EventKind;

/// Publishes events; the crate that owns the journal implements it.
pub trait PublishEvent: Send + Sync + 'static {
    /// Publishes an event of a plugin. Must not block.
    fn publish(&self, plugin: &PluginId, kind: EventKind);
}

/// A sink for the events of generations. Cheap to clone.
#[derive(Clone)]
pub struct EventSink(Arc<dyn PublishEvent>);

impl EventSink {
    /// A sink that passes events to `publisher`.
    pub fn new(publisher: impl PublishEvent) -> EventSink {
        EventSink(Arc::new(publisher))
    }

    /// Publishes an event of a plugin. Never waits.
    pub fn publish(&self, plugin: &PluginId, kind: EventKind) {
        self.0.publish(plugin, kind);
    }
}

impl fmt::Debug for EventSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventSink")
    }
}
