//! Cycles of plugins that wait for each other.

use std::collections::VecDeque;
use std::fmt;

use petgraph::Incoming;
use petgraph::graph::NodeIndex;

use super::{EdgeKind, Graph};
use crate::PluginId;

/// A cycle of plugins that wait for each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    /// The plugins, each with the reason why it waits for the next one; the last waits for the first.
    steps: Vec<(PluginId, EdgeKind)>,
}

impl Cycle {
    /// The plugins, each waiting for the next one and the last for the first; never empty.
    pub fn steps(&self) -> &[(PluginId, EdgeKind)] {
        &self.steps
    }

    /// The cycle as `a → b → a`.
    pub fn path(&self) -> String {
        let back = self.steps.iter().take(1);
        let ids: Vec<_> = self.steps.iter().chain(back).map(|(id, _)| id.as_str()).collect();
        ids.join(" → ")
    }

    /// The fix: how to break the cycle.
    pub fn fix(&self) -> String {
        let first = self.steps.first().map_or("", |(id, _)| id.as_str());
        let next = self.steps.get(1).map_or(first, |(id, _)| id.as_str());
        let elsewhere = if self.steps.len() > 1 { ", or break the cycle at another plugin" } else { "" };
        format!("remove `{next}` from the plugin.yaml of `{first}`{elsewhere}")
    }

    /// The problem without the fix.
    pub fn message(&self) -> String {
        let next = self.steps.iter().cycle().skip(1);
        let reason = |((from, kind), (to, _)): (&(PluginId, EdgeKind), &(PluginId, EdgeKind))| {
            format!("`{from}` {} `{to}`", kind.verb())
        };
        let reasons: Vec<_> = self.steps.iter().zip(next).map(reason).collect();
        format!("plugins wait for each other: {} ({})", self.path(), reasons.join(", "))
    }
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; hint: {}", self.message(), self.fix())
    }
}

impl std::error::Error for Cycle {}

impl Graph {
    /// The shortest cycle through `at`; among equally short ones, the first by id.
    pub(super) fn cycle(&self, at: NodeIndex) -> Option<Cycle> {
        self.cycles(at).into_iter().min_by_key(|cycle| cycle.steps.len())
    }

    /// For each plugin that `at` waits for, by id, the shortest cycle from `at` through it.
    pub(super) fn cycles(&self, at: NodeIndex) -> Vec<Cycle> {
        let back = self.ways_to(at);
        let step = |from: NodeIndex, kind| (self.at(from).id.clone(), kind);
        let circle = |(next, kind): (NodeIndex, EdgeKind)| {
            let mut steps = vec![step(at, kind)];
            let mut now = next;
            while now != at {
                let (next, kind) = back[now.index()]?;
                steps.push(step(now, kind));
                now = next;
            }
            Some(Cycle { steps })
        };
        self.before(at).into_iter().filter_map(circle).collect()
    }

    /// For each plugin the next step of a shortest path to `end`; `None` without a path, and for `end` itself.
    fn ways_to(&self, end: NodeIndex) -> Vec<Option<(NodeIndex, EdgeKind)>> {
        let mut ways = vec![None; self.nodes.len()];
        let mut reached = VecDeque::from([end]);
        while let Some(to) = reached.pop_front() {
            let mut waiting: Vec<_> = self.waits.neighbors_directed(to, Incoming).collect();
            waiting.sort_unstable();
            for from in waiting {
                if from != end && ways[from.index()].is_none() {
                    let edge = self.waits.find_edge(from, to);
                    ways[from.index()] = edge.map(|edge| (to, self.waits[edge]));
                    reached.push_back(from);
                }
            }
        }
        ways
    }
}
