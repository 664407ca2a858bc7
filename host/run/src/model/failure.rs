//! Kinds of failures, and single problems.

use serde::{Deserialize, Serialize};

/// The kind of a failure. The HTTP API maps each kind to a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The request is malformed.
    Malformed,
    /// The request is not allowed.
    Forbidden,
    /// The named thing does not exist.
    NotFound,
    /// The request conflicts with the current state or with another request.
    Conflict,
    /// The request was made for a state that has changed since.
    Stale,
    /// The request is too large.
    TooLarge,
    /// The request breaks a rule.
    Refused,
    /// The host, or the machine that it runs on, failed.
    Broken,
    /// The disk is full.
    Full,
    /// The host is busy; a later request may succeed.
    Busy,
    /// The request timed out, or a server did not respond in time to a request of the host.
    TimedOut,
}

impl FailureKind {
    /// The kind of an error code of fetch, build or store.
    pub(crate) fn from_code(code: &str) -> FailureKind {
        match code {
            "store_io" | "store_random" | "fetch_io" | "build_io" | "build_no_toolchain" | "build_process" => {
                FailureKind::Broken
            }
            "build_queue_full" | "build_queue_timeout" | "build_stopping" => FailureKind::Busy,
            "fetch_outside_roots" => FailureKind::Forbidden,
            // The HTTP request of a plugin fails with the same code and the same status, 504.
            "fetch_timed_out" => FailureKind::TimedOut,
            _ => FailureKind::Refused,
        }
    }
}

/// One of several problems.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldProblem {
    /// The location: a field of plugin.yaml or of the request, or `cargo` for compiler output.
    pub field: String,
    /// The description.
    pub message: String,
}

impl FieldProblem {
    /// The problem with its location in front, and without the remedy.
    pub(crate) fn without_hint(&self) -> FieldProblem {
        let message = self.message.split("; hint: ").next().unwrap_or_default();
        FieldProblem { field: self.field.clone(), message: format!("`{}`: {message}", self.field) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_is_not_received_in_time_is_a_timeout() {
        assert_eq!(FailureKind::from_code("fetch_timed_out"), FailureKind::TimedOut);
        assert_eq!(FailureKind::from_code("fetch_no_repository"), FailureKind::Refused);
    }
}
