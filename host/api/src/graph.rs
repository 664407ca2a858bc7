//! The plugin dependency graph.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Response of `GET /api/plugins/graph`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Graph {
    /// The installed plugins, in start order.
    pub nodes: Vec<GraphNode>,
    /// The declared relations between plugins, in the same order.
    pub edges: Vec<GraphEdge>,
    /// The dependency cycle in one sentence; null if there is none.
    pub cycle: Option<String>,
}

/// An installed plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphNode {
    /// The plugin's id.
    pub id: String,
    /// The plugin's version.
    pub version: String,
    /// True if the plugin is enabled.
    pub enabled: bool,
}

/// A relation that one plugin declares to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GraphEdge {
    /// The plugin that declares the relation in its plugin.yaml.
    pub from: String,
    /// The plugin it refers to, which may not be installed.
    pub to: String,
    /// `dependency`, `optional`, `run_after` or `conflict`.
    pub kind: String,
    /// The version requirement; absent if any version matches.
    pub requirement: Option<String>,
    /// True if the relation is currently satisfied.
    pub satisfied: bool,
    /// The reason why the relation is not satisfied, such as `not installed`.
    pub problem: Option<String>,
}
