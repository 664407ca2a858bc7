//! Dependency checks for installing, changing and removing plugins.

use semver::VersionReq;

use super::{Dependant, DependencyChange, Edge, EdgeKind, Graph, GraphProblem, Node, Refusal};
use crate::PluginId;
use crate::manifest::fits;

impl Graph {
    /// Checks whether `candidate` may be installed, replacing an installed plugin with the same id.
    ///
    /// Only the candidate's own relations are checked: problems between other plugins refuse nothing.
    ///
    /// # Errors
    /// All problems: first cycles, then dependencies, conflicts in either direction, and dependants that need another
    /// version, or that need the plugin enabled.
    pub fn check(&self, candidate: &Node) -> Result<(), Refusal> {
        self.check_together(std::slice::from_ref(candidate))
    }

    /// Checks several candidates together, such as two plugins that require each other's new version.
    ///
    /// # Errors
    /// As [`Graph::check`], of one candidate after the other.
    pub fn check_together(&self, candidates: &[Node]) -> Result<(), Refusal> {
        let after = Graph::new(self.nodes.iter().chain(candidates).cloned());
        let mut problems = Vec::new();
        for (index, candidate) in candidates.iter().enumerate() {
            let is_told = |id: &PluginId| candidates[..index].iter().any(|earlier| earlier.id == *id);
            let cycles = after.find(&candidate.id).into_iter().flat_map(|at| after.cycles(at));
            let new = cycles.filter(|cycle| !cycle.steps().iter().any(|(id, _)| is_told(id)));
            problems.extend(new.map(GraphProblem::Cycle));
            let own = after.edges_of(candidate).filter(|edge| edge.kind != EdgeKind::Optional);
            problems.extend(own.flat_map(|edge| edge.problems));
            problems.extend(after.of_others(self, candidate, candidates));
        }
        Refusal::unless_none(problems)
    }

    /// Checks whether `id` may be removed or, with `only_enabled`, disabled.
    ///
    /// # Errors
    /// The plugins that need it: [`Graph::dependants`].
    pub fn check_removal(&self, id: &PluginId, only_enabled: bool) -> Result<(), Refusal> {
        let change = if only_enabled { DependencyChange::Disabled } else { DependencyChange::Removed };
        Refusal::unless_none(self.needed(id, change, only_enabled, &[]).into_iter().collect())
    }

    /// The objections of other plugins to the `candidates`.
    fn of_others(&self, before: &Graph, candidate: &Node, candidates: &[Node]) -> Vec<GraphProblem> {
        let others = || self.nodes.iter().filter(|node| candidates.iter().all(|candidate| candidate.id != node.id));
        let edges = others().flat_map(|node| self.edges_of(node));
        let conflicts = edges.filter(|edge| edge.kind == EdgeKind::Conflict && edge.to == candidate.id);
        let mut problems: Vec<_> = conflicts.flat_map(|edge| edge.problems).collect();
        for problem in &mut problems {
            if let GraphProblem::Conflict { plugin, in_the_way, .. } = problem {
                *in_the_way = plugin.clone();
            }
        }

        let needing = |node: &Node| {
            let mut named = node.dependencies.iter().filter(|named| !named.optional && named.id == candidate.id);
            let requirement = named.find_map(|named| named.version.clone());
            let requirement = requirement.filter(|requirement| !fits(requirement, &candidate.version));
            requirement.map(|requirement| Dependant { id: node.id.clone(), requirement: Some(requirement) })
        };
        let dependants: Vec<_> = others().filter_map(needing).collect();
        if !dependants.is_empty() {
            let change = DependencyChange::Version(candidate.version.clone());
            problems.push(GraphProblem::Dependants { plugin: candidate.id.clone(), change, dependants });
        }
        let was_enabled = before.node(&candidate.id).is_some_and(|node| node.enabled);
        if was_enabled && !candidate.enabled {
            problems.extend(self.needed(&candidate.id, DependencyChange::Disabled, true, candidates));
        }
        problems
    }

    fn needed(
        &self,
        id: &PluginId,
        change: DependencyChange,
        only_enabled: bool,
        except: &[Node],
    ) -> Option<GraphProblem> {
        let dependants = self.dependants(id, only_enabled).into_iter();
        let dependants = dependants.filter(|dependant| except.iter().all(|node| node.id != *dependant));
        let dependants: Vec<_> = dependants.map(|id| Dependant { id, requirement: None }).collect();
        (!dependants.is_empty()).then(|| GraphProblem::Dependants { plugin: id.clone(), change, dependants })
    }

    /// The relations of `node` with their problems, in the order dependencies, `run_after`, conflicts.
    pub(super) fn edges_of(&self, node: &Node) -> impl Iterator<Item = Edge> {
        let named =
            node.dependencies.iter().map(|named| (&named.id, EdgeKind::from_dependency(named), named.version.as_ref()));
        let after = node.run_after.iter().map(|id| (id, EdgeKind::RunAfter, None));
        let conflicts = node.conflicts.iter().map(|named| (&named.id, EdgeKind::Conflict, named.version.as_ref()));
        named.chain(after).chain(conflicts).map(|(to, kind, requirement)| Edge {
            from: node.id.clone(),
            to: to.clone(),
            kind,
            requirement: requirement.cloned(),
            problems: self.problems(node, to, kind, requirement),
        })
    }

    /// The problems of one relation of `node` to `other`.
    fn problems(
        &self,
        node: &Node,
        other: &PluginId,
        kind: EdgeKind,
        requirement: Option<&VersionReq>,
    ) -> Vec<GraphProblem> {
        let plugin = node.id.clone();
        let Some(found) = self.node(other) else {
            let missing =
                GraphProblem::Missing { plugin, dependency: other.clone(), requirement: requirement.cloned() };
            return Vec::from_iter((kind == EdgeKind::Dependency).then_some(missing));
        };
        let (installed, is_meant) =
            (found.version.clone(), requirement.is_none_or(|wanted| fits(wanted, &found.version)));
        let mut problems = Vec::new();
        match (kind, requirement) {
            (EdgeKind::Conflict, _) if is_meant => {
                let (other, requirement, in_the_way) = (found.id.clone(), requirement.cloned(), found.id.clone());
                let plugin = plugin.clone();
                problems.push(GraphProblem::Conflict { plugin, other, requirement, version: installed, in_the_way });
            }
            (EdgeKind::Dependency | EdgeKind::Optional, Some(requirement)) if !is_meant => {
                let (plugin, dependency, requirement) = (plugin.clone(), found.id.clone(), requirement.clone());
                problems.push(GraphProblem::Version { plugin, kind, dependency, requirement, installed });
            }
            _ => {}
        }
        if kind == EdgeKind::Dependency && node.enabled && !found.enabled {
            problems.push(GraphProblem::Disabled { plugin, dependency: found.id.clone() });
        }
        problems
    }
}
