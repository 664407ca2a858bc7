//! Events of the host and its plugins.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// An event; also the data of each event in a stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Sequence number across all runs of the host; the event id in a stream. Numbers may be missing.
    pub seq: u64,
    /// Time of the event.
    pub at_unix_ms: u64,
    /// The plugin; null for an event of the host.
    pub plugin: Option<String>,
    /// The job that caused the event.
    pub job: Option<String>,
    /// The event kind, such as `job.ended`; the event name in a stream.
    pub kind: String,
    /// Description in one sentence, without the plugin's name.
    pub message: String,
    /// Fields specific to the event kind.
    pub detail: Map<String, Value>,
}

/// A page of the event journal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventPage {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// Where to continue: `?after=` of the next page, or `Last-Event-ID` of a stream.
    pub next: u64,
    /// The oldest stored sequence number; null if the journal is empty. Older events were deleted.
    pub oldest: Option<u64>,
    /// Number of events left out because they are damaged on disk.
    pub damaged: u64,
}

/// Data of a `gap` event: some of the requested events are not available.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventGap {
    /// The last sequence number the reader reported.
    pub after: u64,
    /// The sequence number with which the stream continues.
    pub from: u64,
    /// Description in one sentence.
    pub message: String,
}
