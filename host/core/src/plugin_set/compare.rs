//! Computes the changes that make a host match a file. The same input produces the same plan.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Map;

use super::obstacle::PlanObstacle;
use super::plan::{At, FetchedSource, InstalledPlugin, Plan, PlannedChange, PluginPlan};
use super::{PluginEntry, PluginSet};
use crate::configuration::diff_masked;
use crate::graph::{self, Graph, Node};
use crate::{Goal, PluginId, Source};

/// Computes the changes that make the installed plugins match `file`. `found` has the content of each entry's source,
/// by its position in the file; missing entries are skipped.
///
/// # Errors
/// All obstacles; nothing of the file can be applied then.
pub fn compare(
    file: &PluginSet,
    installed: &[InstalledPlugin],
    found: &BTreeMap<usize, FetchedSource>,
) -> Result<Plan, Vec<PlanObstacle>> {
    let mut refused = vec![];
    let installed: BTreeMap<_, _> = installed.iter().map(|present| (&present.desired.id, present)).collect();
    let listed = listed(file, &installed, found, &mut refused);
    let gone = if file.prune { unlisted(&installed, &listed) } else { BTreeSet::new() };

    let nodes = installed.values().filter_map(|present| present.node());
    let before = Graph::new(nodes);
    let candidates: Vec<_> = listed.values().filter(|listed| listed.is_new_in_graph()).map(Listed::node).collect();
    if let Err(refusal) = before.check_all(&candidates, &gone) {
        refused.extend(refusal.problems().iter().cloned().map(PlanObstacle::Between));
    }
    let staying = installed.values().filter(|present| !gone.contains(&present.desired.id));
    let after = Graph::new(staying.filter_map(|present| present.node()).chain(listed.values().map(Listed::node)));
    let up = match after.order() {
        Ok(up) if refused.is_empty() => up,
        // A cycle among the installed plugins has other causes than the file, but the changes cannot be ordered.
        Err(cycle) if refused.is_empty() => return Err(vec![PlanObstacle::Between(graph::GraphProblem::Cycle(cycle))]),
        _ => return Err(refused),
    };
    let down = before.order().unwrap_or_default();
    // A plugin is removed before a conflicting plugin is installed; otherwise installations come first.
    let (first, last): (Vec<_>, Vec<_>) =
        gone.iter().partition(|id| candidates.iter().any(|node| conflicts(node, id, &before)));
    let leaving = |ids: &[&PluginId]| -> Vec<PluginPlan> {
        let order = down.iter().rev().filter(|id| ids.contains(id));
        let others = ids.iter().copied().filter(|id| !down.contains(id));
        order.chain(others).map(|id| leaving(installed[id], &before)).collect()
    };
    let by_order = |order: Vec<&PluginId>, is_rest: bool| -> Vec<PluginPlan> {
        let listed = order.into_iter().filter_map(|id| listed.get(id)).filter(|listed| listed.only_rests() == is_rest);
        listed.map(|listed| listed.planned(&after)).collect()
    };
    let mut steps = leaving(&first);
    steps.extend(by_order(up.iter().collect(), false));
    steps.extend(by_order(up.iter().rev().collect(), true));
    steps.extend(leaving(&last));
    Ok(Plan { steps })
}

/// An entry with its installed plugin and the changes.
struct Listed<'a> {
    entry: usize,
    wanted: &'a PluginEntry,
    present: Option<&'a InstalledPlugin>,
    found: &'a FetchedSource,
    changes: Vec<PlannedChange>,
}

fn listed<'a>(
    file: &'a PluginSet,
    installed: &BTreeMap<&'a PluginId, &'a InstalledPlugin>,
    found: &'a BTreeMap<usize, FetchedSource>,
    refused: &mut Vec<PlanObstacle>,
) -> BTreeMap<PluginId, Listed<'a>> {
    let mut all: BTreeMap<PluginId, Listed<'a>> = BTreeMap::new();
    for (&entry, found) in found {
        let Some(wanted) = file.plugins.get(entry) else { continue };
        let id = found.manifest.id.clone();
        if let Some(expected) = wanted.id.clone().filter(|expected| *expected != id) {
            refused.push(PlanObstacle::OtherPlugin { entry, expected, found: id });
            continue;
        }
        if let Some(first) = all.get(&id) {
            refused.push(PlanObstacle::Twice { entry, first: first.entry, id });
            continue;
        }
        let present = installed.get(&id).copied();
        if present.is_some_and(|present| matches!(present.desired.goal, Goal::Absent { .. })) {
            refused.push(PlanObstacle::Leaving { entry, id: id.clone() });
        }
        if let (Some(expected), Some(found)) = (wanted.artifact, found.artifact)
            && expected != found
        {
            refused.push(PlanObstacle::OtherArtifact { entry, id: id.clone(), expected, found });
        }
        let changes = changes(wanted, present, found);
        all.insert(id, Listed { entry, wanted, present, found, changes });
    }
    all
}

/// The installed plugins that are not listed, except plugins that are being removed already.
fn unlisted(
    installed: &BTreeMap<&PluginId, &InstalledPlugin>,
    listed: &BTreeMap<PluginId, Listed<'_>>,
) -> BTreeSet<PluginId> {
    let staying = installed.values().filter(|present| !matches!(present.desired.goal, Goal::Absent { .. }));
    staying.map(|present| present.desired.id.clone()).filter(|id| !listed.contains_key(id)).collect()
}

fn changes(wanted: &PluginEntry, present: Option<&InstalledPlugin>, found: &FetchedSource) -> Vec<PlannedChange> {
    let mut changes = vec![];
    let to = At { version: found.manifest.version.clone(), source: found.source.clone(), commit: found.commit.clone() };
    let desired = present.map(|present| &present.desired);
    match desired.map(|desired| &desired.current) {
        None => changes.push(PlannedChange::Install(to)),
        Some(current)
            if found.artifact != Some(current.artifact)
                || !is_same(&found.source, &current.source)
                || found.commit != current.commit =>
        {
            changes.push(PlannedChange::Replace { from: At::from_pick(current), to });
        }
        Some(_) => {}
    }
    if let Some(after) = &found.configuration {
        let nothing = Map::new();
        let (before, secrets) =
            present.map_or((&nothing, &[][..]), |present| (&present.configuration, &present.secrets));
        let diff = diff_masked(before, after, secrets, &found.secrets);
        if !diff.is_empty() {
            changes.push(PlannedChange::Configure(diff));
        }
    }
    let from = desired.map(|desired| desired.goal);
    if from != Some(wanted.goal) {
        changes.push(PlannedChange::Goal { from, to: wanted.goal });
    }
    let policy = desired.map(|desired| desired.update.clone()).unwrap_or_default();
    let blocked = desired.map(|desired| desired.blocked.clone()).unwrap_or_default();
    if wanted.update.as_ref().is_some_and(|update| *update != policy)
        || wanted.blocked.as_ref().is_some_and(|versions| *versions != blocked)
    {
        changes.push(PlannedChange::UpdatePolicy);
    }
    changes
}

/// Returns whether two sources are equal. The ids of two uploads always differ, so only the folders in them are
/// compared; the caller compares the artifacts.
fn is_same(found: &Source, installed: &Source) -> bool {
    let are_uploads = matches!((found.place(), installed.place()), (Source::Upload(_), Source::Upload(_)));
    found == installed || are_uploads && found.path() == installed.path()
}

fn leaving(present: &InstalledPlugin, before: &Graph) -> PluginPlan {
    let id = present.desired.id.clone();
    PluginPlan {
        changes: vec![PlannedChange::Unload(At::from_pick(&present.desired.current))],
        entry: None,
        new_permissions: vec![],
        affected: before.dependants(&id, true),
        id,
    }
}

/// Returns whether two plugins conflict.
fn conflicts(node: &Node, id: &PluginId, before: &Graph) -> bool {
    let other = before.node(id);
    let theirs = other.into_iter().flat_map(|other| &other.conflicts).any(|named| named.id == node.id);
    theirs || node.conflicts.iter().any(|named| named.id == *id)
}

// === impl Listed ===

impl Listed<'_> {
    fn node(&self) -> Node {
        Node::from_manifest(&self.found.manifest, self.wanted.goal.is_enabled())
    }

    /// Returns whether the change is visible to other plugins.
    fn is_new_in_graph(&self) -> bool {
        self.has_another_version() || self.changes.iter().any(|change| matches!(change, PlannedChange::Goal { .. }))
    }

    fn has_another_version(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, PlannedChange::Install(_) | PlannedChange::Replace { .. }))
    }

    /// Returns whether the plugin only stops serving, so that its dependants must stop first.
    fn only_rests(&self) -> bool {
        let rests = |change: &PlannedChange| matches!(change, PlannedChange::Goal { from: Some(Goal::Running), .. });
        !self.has_another_version() && self.changes.iter().any(rests)
    }

    fn planned(&self, after: &Graph) -> PluginPlan {
        let id = self.found.manifest.id.clone();
        let asked = self.found.manifest.permissions.clone();
        let new_permissions = match self.present {
            _ if !self.has_another_version() => vec![],
            Some(present) => {
                let new = present.desired.new_permissions(&self.found.manifest);
                new.into_iter().map(str::to_owned).collect()
            }
            None => asked,
        };
        let is_touched = self.present.is_some() && (self.has_another_version() || self.only_rests());
        let affected = if is_touched { after.dependants(&id, true) } else { vec![] };
        PluginPlan { id, entry: Some(self.entry), changes: self.changes.clone(), new_permissions, affected }
    }
}
