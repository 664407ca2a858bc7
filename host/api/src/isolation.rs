//! The isolation of plugins.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Response of `GET /api/system/isolation`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Isolation {
    /// How plugins run: `in-process`.
    pub mode: String,
    /// Number of plugins that run inside the host's process, with all its rights.
    pub in_process: usize,
    /// Number of plugins that run in a process of their own.
    pub isolated: usize,
    /// Isolation mechanisms of this machine and their state.
    pub layers: Vec<IsolationLayer>,
}

/// An isolation mechanism.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IsolationLayer {
    /// The mechanism's name.
    pub name: String,
    /// True if this machine supports it; null if that cannot be determined.
    pub available: Option<bool>,
    /// True if it applies to the host and its plugins; null if that cannot be determined.
    pub active: Option<bool>,
    /// Details, such as the version or limits found.
    pub detail: String,
}
