//! Whose fault a failure is, as one of a few words.

use serde::{Deserialize, Serialize};

/// Whose fault a failure is, and what may help. A surface that has statuses gives each kind one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// What was asked makes no sense.
    Malformed,
    /// It is not allowed.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// It does not go together with what is there, or with what else was asked.
    Conflict,
    /// What was asked is meant for something that has changed since.
    Stale,
    /// It is too large.
    TooLarge,
    /// It breaks a rule.
    Refused,
    /// The host, or the machine it runs on, failed.
    Broken,
    /// The disk has no room.
    Full,
    /// Not now; later it may go.
    Busy,
    /// It took too long.
    TimedOut,
}

impl Kind {
    /// The kind of a failure of fetching, building or storing, which name what happened by a word.
    pub(crate) fn of_code(code: &str) -> Kind {
        match code {
            "store_io" | "store_random" | "fetch_io" | "build_io" | "build_no_toolchain" | "build_process" => {
                Kind::Broken
            }
            "build_queue_full" | "build_queue_timeout" | "build_stopping" => Kind::Busy,
            "fetch_outside_roots" => Kind::Forbidden,
            _ => Kind::Refused,
        }
    }
}
