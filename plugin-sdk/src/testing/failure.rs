//! The failure of an operation that a test requested.

use std::fmt;

use plugin_sdk_abi::{Failure, FfiFuture, RResult};

/// The failure of an operation that a test requested.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TestFailure {
    /// The message that an operator would see.
    pub message: String,
    /// `file:line` when it was a panic.
    pub panicked_at: Option<String>,
}

/// Waits for a future of the plugin's tables.
pub(super) async fn ended<T>(future: FfiFuture<RResult<T, Failure>>) -> Result<T, TestFailure> {
    future.await.into_result().map_err(|failure| TestFailure {
        message: failure.message.to_string(),
        panicked_at: Some(failure.location.to_string()).filter(|location| !location.is_empty()),
    })
}

impl fmt::Display for TestFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.panicked_at {
            Some(place) => write!(f, "panicked at {place}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for TestFailure {}
