//! The initiator of an operation, and the conditions of the request.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use host_state::JobRecord;

/// The initiator of an operation, and the conditions of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initiator {
    /// The name: `operator`, or a part of the host.
    pub actor: String,
    /// The reason, as the initiator gave it, without control characters.
    pub reason: Option<String>,
    /// The treatment of other operations on the same plugin that have not ended.
    pub on_conflict: OnConflict,
    /// The time limit of the job from now on, including its time in the queue.
    pub timeout: Option<Duration>,
    /// The key of an [`IdempotentRequest`](crate::IdempotentRequest), if the request has one.
    pub request: Option<String>,
}

/// The treatment of an operation that conflicts with another one on the same plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// It waits in the queue.
    #[default]
    Queue,
    /// It supersedes the other operations.
    Replace,
    /// It is refused.
    Reject,
}

impl Initiator {
    /// An initiator without a reason or a time limit, whose operations wait in the queue.
    pub fn new(actor: impl Into<String>) -> Initiator {
        Initiator { actor: actor.into(), reason: None, on_conflict: OnConflict::Queue, timeout: None, request: None }
    }

    /// The initiator of a stored job.
    pub(crate) fn from_record(record: &JobRecord) -> Initiator {
        Initiator {
            actor: record.actor.clone(),
            reason: record.reason.clone(),
            // An unknown word of another version of the host falls back to waiting.
            on_conflict: record.on_conflict.parse().unwrap_or_default(),
            timeout: record.timeout_ms.map(Duration::from_millis),
            request: None,
        }
    }
}

impl OnConflict {
    /// All values.
    pub const ALL: [OnConflict; 3] = [OnConflict::Queue, OnConflict::Replace, OnConflict::Reject];

    /// The stable name for clients and for the state database.
    pub fn as_str(self) -> &'static str {
        match self {
            OnConflict::Queue => "queue",
            OnConflict::Replace => "replace",
            OnConflict::Reject => "reject",
        }
    }
}

/// The text is not a value of [`OnConflict`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected `queue`, `replace` or `reject`")]
pub struct OnConflictError;

impl FromStr for OnConflict {
    type Err = OnConflictError;

    fn from_str(text: &str) -> Result<OnConflict, OnConflictError> {
        OnConflict::ALL.into_iter().find(|word| word.as_str() == text).ok_or(OnConflictError)
    }
}

impl fmt::Display for OnConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
