//! What plugins have to do with each other.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /api/plugins/graph`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Graph {
    /// The installed plugins, in the order in which they start.
    pub nodes: Vec<GraphNode>,
    /// What they say of each other, in the same order.
    pub edges: Vec<GraphEdge>,
    /// The plugins that wait for each other in a circle, and why, in one sentence.
    pub cycle: Option<String>,
}

/// An installed plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphNode {
    /// The id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// Whether the operator wants it to serve.
    pub enabled: bool,
}

/// What one plugin says of another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphEdge {
    /// Whose plugin.yaml says it.
    pub from: String,
    /// Of which plugin; it need not be installed.
    pub to: String,
    /// `dependency`, `optional`, `run_after` or `conflict`.
    pub kind: String,
    /// The versions that are meant; any when absent.
    pub requirement: Option<String>,
    /// Whether nothing is wrong with it now.
    pub satisfied: bool,
    /// What is wrong, such as `not installed`.
    pub problem: Option<String>,
}
