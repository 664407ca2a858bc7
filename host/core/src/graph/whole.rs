//! Dependency checks for several changes together.

use std::collections::BTreeSet;

use super::{Dependant, DependencyChange, Graph, GraphProblem, Node, Refusal};
use crate::PluginId;

impl Graph {
    /// Checks whether `candidates` may be installed, replacing plugins with the same ids, while `removed` are removed.
    ///
    /// # Errors
    /// Remaining plugins that depend on a removed one; then as [`Graph::check_together`] against the remaining ones.
    pub fn check_all(&self, candidates: &[Node], removed: &BTreeSet<PluginId>) -> Result<(), Refusal> {
        let stays = |node: &&Node| !removed.contains(&node.id);
        let is_as_it_was = |node: &&Node| stays(node) && candidates.iter().all(|candidate| candidate.id != node.id);
        let mut problems = vec![];
        for id in removed.iter().filter(|id| self.find(id).is_some()) {
            let needs = |node: &&Node| node.dependencies.iter().any(|named| !named.optional && named.id == *id);
            let needing = self.nodes.iter().filter(is_as_it_was).filter(needs);
            let dependants: Vec<_> = needing.map(|node| Dependant { id: node.id.clone(), requirement: None }).collect();
            if !dependants.is_empty() {
                problems.push(GraphProblem::Dependants {
                    plugin: id.clone(),
                    change: DependencyChange::Removed,
                    dependants,
                });
            }
        }
        let staying = Graph::new(self.nodes.iter().filter(stays).cloned());
        if let Err(refusal) = staying.check_together(candidates) {
            problems.extend(refusal.problems().iter().cloned());
        }
        Refusal::unless_none(problems)
    }
}
