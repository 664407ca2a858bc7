//! The graph as plain data for display.

use semver::VersionReq;

use super::{Cycle, EdgeKind, Graph, GraphProblem, Node};
use crate::PluginId;

/// All plugins and their relations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View<'a> {
    /// The plugins in start order.
    pub nodes: Vec<&'a Node>,
    /// The relations in the order of the plugins; for each plugin its dependencies, `run_after` and conflicts.
    pub edges: Vec<Edge>,
    /// A cycle, if plugins wait for each other. The plugins of a cycle are sorted by id.
    pub cycle: Option<Cycle>,
}

/// A relation of one plugin to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The plugin that declares it.
    pub from: PluginId,
    /// The other plugin, installed or not.
    pub to: PluginId,
    /// The kind of relation.
    pub kind: EdgeKind,
    /// The required or conflicting versions; `None` for any version.
    pub requirement: Option<VersionReq>,
    /// The current problems.
    pub problems: Vec<GraphProblem>,
}

impl Graph {
    /// The graph as plain data.
    pub fn view(&self) -> View<'_> {
        let groups = self.groups();
        let cycle = groups.iter().find_map(|group| self.cycle(*group.first()?));
        let nodes: Vec<_> = groups.concat().into_iter().map(|at| self.at(at)).collect();
        let edges = nodes.iter().flat_map(|node| self.edges_of(node)).collect();
        View { nodes, edges, cycle }
    }
}

impl Edge {
    /// Returns whether the relation has no problems.
    pub fn is_satisfied(&self) -> bool {
        self.problems.is_empty()
    }

    /// The problems in a few words, such as `0.9.0 is installed, disabled`; `None` without problems.
    pub fn in_short(&self) -> Option<String> {
        let words: Vec<_> = self.problems.iter().map(GraphProblem::in_short).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}
