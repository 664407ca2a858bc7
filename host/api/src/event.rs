//! What happened in a host.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Something that happened; the data of each event in a stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Counts up over all lives of the host; the id in a stream. Some numbers may be missing.
    pub seq: u64,
    /// When.
    pub at_unix_ms: u64,
    /// The plugin; null for what concerns the host.
    pub plugin: Option<String>,
    /// The job that did it.
    pub job: Option<String>,
    /// What happened, such as `job.ended`; the name in a stream.
    pub kind: String,
    /// One sentence, which does not name the plugin.
    pub message: String,
    /// What belongs to the kind.
    pub detail: Map<String, Value>,
}

/// A part of the journal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventPage {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// The number to go on after: `?after=` of the next part, `Last-Event-ID` of a stream.
    pub next: u64,
    /// The oldest number that is kept; null when there is none. Those before are gone.
    pub oldest: Option<u64>,
    /// How many were left out, because they are damaged on disk.
    pub damaged: u64,
}

/// The data of the event `gap`: a reader can't go on as it asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventGap {
    /// The last number that the reader says it has.
    pub after: u64,
    /// The number that the stream goes on with.
    pub from: u64,
    /// One sentence.
    pub message: String,
}
