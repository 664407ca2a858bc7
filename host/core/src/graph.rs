//! The dependency graph of plugins: start order, dependencies and conflicts.
//!
//! | key of plugin.yaml | starts first | refused |
//! |---|---|---|
//! | `dependencies` | the dependency | a dependency that is missing, disabled, or of another version |
//! | `dependencies`, optional | the dependency, if it is installed | nothing; another version is shown |
//! | `run_after` | the other plugin, if it is installed | nothing |
//! | `conflicts` | – | installing both plugins, if the version of the other one is listed |
//!
//! Plugins that wait for each other in a cycle are always refused.

mod check;
mod cycle;
mod drawing;
mod layout;
mod refusal;
mod svg;
#[cfg(test)]
mod tests;
mod view;
mod whole;

use std::collections::{BTreeMap, BTreeSet};

use petgraph::algo::condensation;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::{Dfs, EdgeFiltered, EdgeRef as _, NodeFiltered, Reversed};
use petgraph::{Incoming, Outgoing};
use semver::Version;

use crate::manifest::{Conflict, Dependency};
use crate::{Manifest, PluginId};

pub use cycle::Cycle;
pub use refusal::{Dependant, DependencyChange, GraphProblem, Refusal};
pub use svg::SVG_STYLE;
pub use view::{Edge, View};

/// The relations between a set of installed plugins. Immutable.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Sorted by id. The position of a node is its index in `waits`.
    nodes: Vec<Node>,
    /// The edges, each from a plugin to a plugin that starts before it. Each pair has one edge, of the strictest kind.
    waits: DiGraph<(), EdgeKind>,
}

/// A plugin with its relations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The plugin.
    pub id: PluginId,
    /// Its version.
    pub version: Version,
    /// Whether the plugin is enabled.
    pub enabled: bool,
    /// The dependencies.
    pub dependencies: Vec<Dependency>,
    /// The ids of plugins that start before this one if they are installed.
    pub run_after: Vec<PluginId>,
    /// The plugins that it conflicts with.
    pub conflicts: Vec<Conflict>,
}

/// The kind of an edge, strictest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeKind {
    /// The plugin requires the other.
    Dependency,
    /// The plugin uses the other if it is installed.
    Optional,
    /// The plugin starts after the other.
    RunAfter,
    /// The plugins conflict.
    Conflict,
}

impl Graph {
    /// Creates the graph of `nodes`. Of two nodes with the same id, the later one is used.
    pub fn new(nodes: impl IntoIterator<Item = Node>) -> Graph {
        let nodes: BTreeMap<PluginId, Node> = nodes.into_iter().map(|node| (node.id.clone(), node)).collect();
        let mut graph = Graph { nodes: nodes.into_values().collect(), waits: DiGraph::new() };
        for _ in &graph.nodes {
            graph.waits.add_node(());
        }
        for (from, node) in graph.nodes.iter().enumerate().map(|(at, node)| (NodeIndex::new(at), node)) {
            for (id, kind) in node.waits() {
                let Some(to) = graph.find(id) else { continue };
                if graph.waits.find_edge(from, to).is_none() {
                    graph.waits.add_edge(from, to, kind);
                }
            }
        }
        graph
    }

    /// Returns the plugin with an id.
    pub fn node(&self, id: &PluginId) -> Option<&Node> {
        self.find(id).map(|at| self.at(at))
    }

    /// Returns all plugins in start order: each after the plugins it waits for, otherwise sorted by id. The reverse is
    /// the stop order.
    ///
    /// # Errors
    /// The shortest cycle of plugins that wait for each other.
    pub fn order(&self) -> Result<Vec<PluginId>, Cycle> {
        let groups = self.groups();
        match groups.iter().find_map(|group| self.cycle(*group.first()?)) {
            Some(cycle) => Err(cycle),
            None => Ok(groups.concat().into_iter().map(|at| self.at(at).id.clone()).collect()),
        }
    }

    /// Returns the direct and indirect dependants of `id` in the order in which they must be stopped: each before its
    /// own dependencies. With `only_enabled`, disabled plugins are ignored.
    pub fn dependants(&self, id: &PluginId, only_enabled: bool) -> Vec<PluginId> {
        let Some(start) = self.find(id) else { return Vec::new() };
        let hard = EdgeFiltered::from_fn(&self.waits, |edge| *edge.weight() == EdgeKind::Dependency);
        let counted = NodeFiltered::from_fn(&hard, |at| at == start || !only_enabled || self.at(at).enabled);
        let needing = Reversed(&counted);
        let mut walk = Dfs::new(needing, start);
        let found: BTreeSet<_> = std::iter::from_fn(|| walk.next(needing)).filter(|at| *at != start).collect();
        let order = self.groups().concat().into_iter().rev();
        order.filter(|at| found.contains(at)).map(|at| self.at(at).id.clone()).collect()
    }

    /// Returns the installed plugins that start before `id` because its plugin.yaml lists them, sorted by id. Disabled
    /// plugins are included.
    pub fn needs(&self, id: &PluginId) -> Vec<PluginId> {
        let before = self.find(id).into_iter().flat_map(|at| self.waits.neighbors(at));
        let before: BTreeSet<_> = before.collect();
        before.into_iter().map(|at| self.at(at).id.clone()).collect()
    }

    /// The plugins in start order; plugins in a cycle share a group, sorted by id.
    fn groups(&self) -> Vec<Vec<NodeIndex>> {
        let mut groups = condensation(self.waits.map(|at, ()| at, |_, _| ()), true);
        groups.node_weights_mut().for_each(|group| group.sort_unstable());
        let mut n_before: Vec<_> = groups.node_indices().map(|at| groups.neighbors(at).count()).collect();
        let first = |at: NodeIndex| groups[at].first().copied();
        // Among the possible next groups, the first by id.
        let free = groups.node_indices().filter(|at| n_before[at.index()] == 0);
        let mut free: BTreeSet<_> = free.map(|at| (first(at), at)).collect();
        let mut order = Vec::with_capacity(groups.node_count());
        while let Some((_, group)) = free.pop_first() {
            for waiting in groups.neighbors_directed(group, Incoming) {
                n_before[waiting.index()] -= 1;
                if n_before[waiting.index()] == 0 {
                    free.insert((first(waiting), waiting));
                }
            }
            order.push(groups[group].clone());
        }
        order
    }

    /// The edges from `at` to the plugins that start before it, sorted by id.
    fn before(&self, at: NodeIndex) -> Vec<(NodeIndex, EdgeKind)> {
        let edges = self.waits.edges_directed(at, Outgoing);
        let mut before: Vec<_> = edges.map(|edge| (edge.target(), *edge.weight())).collect();
        before.sort_unstable();
        before
    }

    fn find(&self, id: &PluginId) -> Option<NodeIndex> {
        self.nodes.binary_search_by(|node| node.id.cmp(id)).ok().map(NodeIndex::new)
    }

    fn at(&self, at: NodeIndex) -> &Node {
        &self.nodes[at.index()]
    }
}

impl Node {
    /// Creates the node of `manifest`.
    pub fn from_manifest(manifest: &Manifest, enabled: bool) -> Node {
        Node {
            id: manifest.id.clone(),
            version: manifest.version.clone(),
            enabled,
            dependencies: manifest.dependencies.clone(),
            run_after: manifest.run_after.clone(),
            conflicts: manifest.conflicts.clone(),
        }
    }

    /// The plugins that this one waits for, installed or not; the strictest kind first.
    fn waits(&self) -> impl Iterator<Item = (&PluginId, EdgeKind)> {
        let of = |kind| {
            let named =
                self.dependencies.iter().map(|dependency| (&dependency.id, EdgeKind::from_dependency(dependency)));
            named.filter(move |(_, found)| *found == kind)
        };
        let after = self.run_after.iter().map(|id| (id, EdgeKind::RunAfter));
        of(EdgeKind::Dependency).chain(of(EdgeKind::Optional)).chain(after)
    }
}

impl EdgeKind {
    /// The name for clients.
    pub fn as_str(self) -> &'static str {
        match self {
            EdgeKind::Dependency => "dependency",
            EdgeKind::Optional => "optional",
            EdgeKind::RunAfter => "run_after",
            EdgeKind::Conflict => "conflict",
        }
    }

    /// The verb between the two plugins in a sentence.
    pub fn verb(self) -> &'static str {
        match self {
            EdgeKind::Dependency => "needs",
            EdgeKind::Optional => "may use",
            EdgeKind::RunAfter => "runs after",
            EdgeKind::Conflict => "conflicts with",
        }
    }

    fn from_dependency(dependency: &Dependency) -> EdgeKind {
        if dependency.optional { EdgeKind::Optional } else { EdgeKind::Dependency }
    }
}
