//! The reason for a failure, as it crosses the boundary.

use abi_stable::StableAbi;
use abi_stable::std_types::RString;

/// The reason for a failure.
#[repr(C)]
#[derive(StableAbi, Clone, Debug)]
pub struct Failure {
    /// The kind, one of [`failure_kind`].
    pub kind: u8,
    /// One sentence for people.
    pub message: RString,
    /// `file:line` of a panic; empty otherwise.
    pub location: RString,
}

/// Kinds of failure.
pub mod failure_kind {
    /// The code returned an error.
    pub const FAILED: u8 = 1;
    /// The code panicked.
    pub const PANICKED: u8 = 2;
}

impl Failure {
    /// Creates the failure for an error that the code returned.
    pub fn failed(message: &str) -> Failure {
        Failure { kind: failure_kind::FAILED, message: message.into(), location: RString::new() }
    }

    /// Creates the failure for a panic with `message` at `location`.
    pub fn panicked(message: &str, location: &str) -> Failure {
        Failure { kind: failure_kind::PANICKED, message: message.into(), location: location.into() }
    }
}
