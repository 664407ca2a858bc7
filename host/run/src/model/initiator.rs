//! Who asks for an operation, why, and under which conditions.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use host_state::JobRecord;

/// Who asks for an operation, why, and under which conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Initiator {
    /// Who: `operator`, or a part of the host.
    pub actor: String,
    /// Why, in their own words; no control characters.
    pub reason: Option<String>,
    /// What becomes of another operation on the same plugin that has not ended.
    pub on_conflict: OnConflict,
    /// How long they want to wait for the end, from now on; the time in the queue counts.
    pub timeout: Option<Duration>,
    /// The key of [`Named`](crate::Named) when the request that asks names itself.
    pub request: Option<String>,
}

/// What becomes of an operation that meets another one on the same plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// It waits for its turn.
    #[default]
    Queue,
    /// It takes the place of the other one.
    Replace,
    /// It is refused.
    Reject,
}

impl Initiator {
    /// Somebody who gives no reason, takes their turn and waits for as long as it takes.
    pub fn new(actor: impl Into<String>) -> Initiator {
        Initiator { actor: actor.into(), reason: None, on_conflict: OnConflict::Queue, timeout: None, request: None }
    }

    /// Who asked for a job that is kept.
    pub(crate) fn from_record(record: &JobRecord) -> Initiator {
        Initiator {
            actor: record.actor.clone(),
            reason: record.reason.clone(),
            // A word of another version of the host means at worst a wait.
            on_conflict: record.on_conflict.parse().unwrap_or_default(),
            timeout: record.timeout_ms.map(Duration::from_millis),
            request: None,
        }
    }
}

impl OnConflict {
    /// All of them.
    pub const ALL: [OnConflict; 3] = [OnConflict::Queue, OnConflict::Replace, OnConflict::Reject];

    /// The word for clients and the state on disk. Never reworded.
    pub fn as_str(self) -> &'static str {
        match self {
            OnConflict::Queue => "queue",
            OnConflict::Replace => "replace",
            OnConflict::Reject => "reject",
        }
    }
}

/// The text is no such word.
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
