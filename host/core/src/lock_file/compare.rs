//! What has to be done so that a host becomes what a file says. The same input gives the same plan.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use semver::Version;
use serde_json::{Map, Value};

use super::{Entry, LockFile};
use crate::configuration::{self, diff_masked};
use crate::graph::{self, Graph, Node};
use crate::{Desired, Digest, Goal, Manifest, PluginId, Source};

/// A plugin that is installed.
#[derive(Clone, Debug)]
pub struct Present {
    /// What is asked for.
    pub desired: Desired,
    /// What its plugin.yaml says; `None` when its artifact is lost.
    pub manifest: Option<Manifest>,
    /// What the operator set, with secrets that can be read.
    pub configuration: Map<String, Value>,
    /// Where secrets are in it, as JSON pointers.
    pub secrets: Vec<String>,
}

/// What the source of an entry holds.
#[derive(Clone, Debug)]
pub struct Found {
    /// What its plugin.yaml says.
    pub manifest: Manifest,
    /// The source as it would be asked for: paths are absolute.
    pub source: Source,
    /// The commit, for a git source.
    pub commit: Option<String>,
    /// What a build gives, as far as that is known without building.
    pub artifact: Option<Digest>,
    /// What the operator would set, with secrets that can be read; `None` leaves what is set.
    pub configuration: Option<Map<String, Value>>,
    /// Where secrets are in it, as JSON pointers.
    pub secrets: Vec<String>,
}

/// What has to be done, in order. Each step may be done when those before it are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// At most one step a plugin; those with nothing to do are among them.
    pub steps: Vec<Planned>,
}

/// What has to be done with one plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The plugin.
    pub id: PluginId,
    /// Its place in the file; `None` for a plugin that is not listed.
    pub entry: Option<usize>,
    /// What changes; nothing when empty.
    pub changes: Vec<Change>,
    /// Permissions that its plugin.yaml asks for and did not have so far.
    pub new_permissions: Vec<String>,
    /// Enabled plugins that need it, when another version comes or it goes out of service.
    pub affected: Vec<PluginId>,
}

/// One thing that changes.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A plugin comes.
    Install(At),
    /// Another version, source or build of it comes.
    Replace {
        /// What is installed.
        from: At,
        /// What comes.
        to: At,
    },
    /// What the operator sets changes. Secrets are masked.
    Configure(Vec<configuration::Change>),
    /// What it is to do changes.
    Goal {
        /// What it is to do now; `None` for a plugin that comes.
        from: Option<Goal>,
        /// What it is to do then.
        to: Goal,
    },
    /// Which newer versions are taken changes.
    UpdateRule,
    /// It goes; what the host keeps for it stays.
    Unload(At),
}

/// A version and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct At {
    /// The version.
    pub version: Version,
    /// The source.
    pub source: Source,
    /// The commit, for a git source.
    pub commit: Option<String>,
}

/// Why a file can't be applied, one thing of several.
#[derive(Clone, Debug, PartialEq)]
pub enum Refused {
    /// The source holds another plugin than the entry says.
    OtherPlugin {
        /// The entry.
        entry: usize,
        /// Which it must be.
        expected: PluginId,
        /// Which it is.
        found: PluginId,
    },
    /// Two entries are one plugin.
    Twice {
        /// The second.
        entry: usize,
        /// The first.
        first: usize,
        /// The plugin.
        id: PluginId,
    },
    /// The lock of an entry names another artifact than a build gives.
    OtherArtifact {
        /// The entry.
        entry: usize,
        /// The plugin.
        id: PluginId,
        /// What the lock says.
        expected: Digest,
        /// What the build gives.
        found: Digest,
    },
    /// The plugin is being taken away at this moment.
    Leaving {
        /// The entry.
        entry: usize,
        /// The plugin.
        id: PluginId,
    },
    /// The plugins would not fit beside each other.
    Between(graph::Problem),
}

/// Says what has to be done so that what is installed becomes what `file` says. `found` has what the source of each entry
/// holds, by its place in the file; an entry that is not there is left out.
///
/// # Errors
/// All that stands in the way; nothing of the file can be applied then.
pub fn compare(file: &LockFile, installed: &[Present], found: &BTreeMap<usize, Found>) -> Result<Plan, Vec<Refused>> {
    let mut refused = vec![];
    let installed: BTreeMap<_, _> = installed.iter().map(|present| (&present.desired.id, present)).collect();
    let listed = listed(file, &installed, found, &mut refused);
    let gone = if file.prune { unlisted(&installed, &listed) } else { BTreeSet::new() };

    let nodes = installed.values().filter_map(|present| present.node());
    let before = Graph::new(nodes);
    let candidates: Vec<_> = listed.values().filter(|listed| listed.is_new_in_graph()).map(Listed::node).collect();
    if let Err(refusal) = before.check_all(&candidates, &gone) {
        refused.extend(refusal.problems().iter().cloned().map(Refused::Between));
    }
    let staying = installed.values().filter(|present| !gone.contains(&present.desired.id));
    let after = Graph::new(staying.filter_map(|present| present.node()).chain(listed.values().map(Listed::node)));
    let up = match after.order() {
        Ok(up) if refused.is_empty() => up,
        // A circle that was there before is nobody's fault, but nothing can be ordered.
        Err(cycle) if refused.is_empty() => return Err(vec![Refused::Between(graph::Problem::Cycle(cycle))]),
        _ => return Err(refused),
    };
    let down = before.order().unwrap_or_default();
    // A plugin goes before one comes that it conflicts with; else those that come are there first.
    let (first, last): (Vec<_>, Vec<_>) =
        gone.iter().partition(|id| candidates.iter().any(|node| conflicts(node, id, &before)));
    let leaving = |ids: &[&PluginId]| -> Vec<Planned> {
        let order = down.iter().rev().filter(|id| ids.contains(id));
        let others = ids.iter().copied().filter(|id| !down.contains(id));
        order.chain(others).map(|id| leaving(installed[id], &before)).collect()
    };
    let by_order = |order: Vec<&PluginId>, is_rest: bool| -> Vec<Planned> {
        let listed = order.into_iter().filter_map(|id| listed.get(id)).filter(|listed| listed.only_rests() == is_rest);
        listed.map(|listed| listed.planned(&after)).collect()
    };
    let mut steps = leaving(&first);
    steps.extend(by_order(up.iter().collect(), false));
    steps.extend(by_order(up.iter().rev().collect(), true));
    steps.extend(leaving(&last));
    Ok(Plan { steps })
}

/// An entry, what is installed of it, and what changes.
struct Listed<'a> {
    entry: usize,
    wanted: &'a Entry,
    present: Option<&'a Present>,
    found: &'a Found,
    changes: Vec<Change>,
}

fn listed<'a>(
    file: &'a LockFile,
    installed: &BTreeMap<&'a PluginId, &'a Present>,
    found: &'a BTreeMap<usize, Found>,
    refused: &mut Vec<Refused>,
) -> BTreeMap<PluginId, Listed<'a>> {
    let mut all: BTreeMap<PluginId, Listed<'a>> = BTreeMap::new();
    for (&entry, found) in found {
        let Some(wanted) = file.plugins.get(entry) else { continue };
        let id = found.manifest.id.clone();
        if let Some(expected) = wanted.id.clone().filter(|expected| *expected != id) {
            refused.push(Refused::OtherPlugin { entry, expected, found: id });
            continue;
        }
        if let Some(first) = all.get(&id) {
            refused.push(Refused::Twice { entry, first: first.entry, id });
            continue;
        }
        let present = installed.get(&id).copied();
        if present.is_some_and(|present| matches!(present.desired.goal, Goal::Absent { .. })) {
            refused.push(Refused::Leaving { entry, id: id.clone() });
        }
        if let (Some(expected), Some(found)) = (wanted.artifact, found.artifact)
            && expected != found
        {
            refused.push(Refused::OtherArtifact { entry, id: id.clone(), expected, found });
        }
        let changes = changes(wanted, present, found);
        all.insert(id, Listed { entry, wanted, present, found, changes });
    }
    all
}

/// The plugins that are installed and not listed, without those that go by themselves.
fn unlisted(installed: &BTreeMap<&PluginId, &Present>, listed: &BTreeMap<PluginId, Listed<'_>>) -> BTreeSet<PluginId> {
    let staying = installed.values().filter(|present| !matches!(present.desired.goal, Goal::Absent { .. }));
    staying.map(|present| present.desired.id.clone()).filter(|id| !listed.contains_key(id)).collect()
}

fn changes(wanted: &Entry, present: Option<&Present>, found: &Found) -> Vec<Change> {
    let mut changes = vec![];
    let to = At { version: found.manifest.version.clone(), source: found.source.clone(), commit: found.commit.clone() };
    let desired = present.map(|present| &present.desired);
    match desired.map(|desired| &desired.current) {
        None => changes.push(Change::Install(to)),
        Some(current)
            if found.artifact != Some(current.artifact)
                || found.source != current.source
                || found.commit != current.commit =>
        {
            changes.push(Change::Replace { from: At::of(current), to });
        }
        Some(_) => {}
    }
    if let Some(after) = &found.configuration {
        let nothing = Map::new();
        let (before, secrets) =
            present.map_or((&nothing, &[][..]), |present| (&present.configuration, &present.secrets));
        let diff = diff_masked(before, after, secrets, &found.secrets);
        if !diff.is_empty() {
            changes.push(Change::Configure(diff));
        }
    }
    let from = desired.map(|desired| desired.goal);
    if from != Some(wanted.goal) {
        changes.push(Change::Goal { from, to: wanted.goal });
    }
    let rule = desired.map(|desired| desired.update.clone()).unwrap_or_default();
    let blocked = desired.map(|desired| desired.blocked.clone()).unwrap_or_default();
    if wanted.update.as_ref().is_some_and(|update| *update != rule)
        || wanted.blocked.as_ref().is_some_and(|versions| *versions != blocked)
    {
        changes.push(Change::UpdateRule);
    }
    changes
}

fn leaving(present: &Present, before: &Graph) -> Planned {
    let id = present.desired.id.clone();
    Planned {
        changes: vec![Change::Unload(At::of(&present.desired.current))],
        entry: None,
        new_permissions: vec![],
        affected: before.dependants(&id, true),
        id,
    }
}

/// Whether one of the two may not be installed beside the other.
fn conflicts(node: &Node, id: &PluginId, before: &Graph) -> bool {
    let other = before.node(id.as_str());
    let theirs = other.into_iter().flat_map(|other| &other.conflicts).any(|named| named.id == node.id.as_str());
    theirs || node.conflicts.iter().any(|named| named.id == id.as_str())
}

// === impl Listed ===

impl Listed<'_> {
    fn node(&self) -> Node {
        Node::of(&self.found.manifest, self.wanted.goal.is_enabled())
    }

    /// Whether other plugins see a difference.
    fn is_new_in_graph(&self) -> bool {
        self.has_another_version() || self.changes.iter().any(|change| matches!(change, Change::Goal { .. }))
    }

    fn has_another_version(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::Install(_) | Change::Replace { .. }))
    }

    /// Whether it only goes out of service, so that those that need it go before.
    fn only_rests(&self) -> bool {
        let rests = |change: &Change| matches!(change, Change::Goal { from: Some(Goal::Running), .. });
        !self.has_another_version() && self.changes.iter().any(rests)
    }

    fn planned(&self, after: &Graph) -> Planned {
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
        Planned { id, entry: Some(self.entry), changes: self.changes.clone(), new_permissions, affected }
    }
}

// === impl Present, At, Refused ===

impl Present {
    /// As the graph sees it; `None` when it is in nobody's way.
    fn node(&self) -> Option<Node> {
        let leaves = matches!(self.desired.goal, Goal::Absent { .. });
        let manifest = self.manifest.as_ref().filter(|_| !leaves)?;
        Some(Node::of(manifest, self.desired.goal.is_enabled()))
    }
}

impl At {
    fn of(pick: &crate::Pick) -> At {
        At { version: pick.version.clone(), source: pick.source.clone(), commit: pick.commit.clone() }
    }
}

impl Plan {
    /// Whether nothing has to be done.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| step.changes.is_empty())
    }
}

impl Refused {
    /// A word for clients, metrics and tests. Never reworded.
    pub fn code(&self) -> &'static str {
        match self {
            Refused::OtherPlugin { .. } => "plan_other_plugin",
            Refused::Twice { .. } => "plan_twice",
            Refused::OtherArtifact { .. } => "plan_other_artifact",
            Refused::Leaving { .. } => "plan_leaving",
            Refused::Between(problem) => problem.code(),
        }
    }

    /// The entry that it is about; `None` for what is between plugins.
    pub fn entry(&self) -> Option<usize> {
        match self {
            Refused::OtherPlugin { entry, .. }
            | Refused::Twice { entry, .. }
            | Refused::OtherArtifact { entry, .. }
            | Refused::Leaving { entry, .. } => Some(*entry),
            Refused::Between(_) => None,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::OtherPlugin { expected, found, .. } => {
                write!(f, "the source is plugin `{found}`, not `{expected}`; hint: change `id`, or `source`")
            }
            Refused::Twice { first, id, .. } => {
                write!(f, "the source is plugin `{id}`, which is listed already, as `plugins[{first}]`; hint: keep one")
            }
            Refused::OtherArtifact { id, expected, found, .. } => write!(
                f,
                "`{id}` is locked to artifact {}, and a build gives {}; hint: leave `artifact` out, or build with what the locked \
                 one was built with",
                expected.short(),
                found.short()
            ),
            Refused::Leaving { id, .. } => {
                write!(f, "`{id}` is being taken away at this moment; hint: plan again when it is gone")
            }
            Refused::Between(problem) => write!(f, "{problem}"),
        }
    }
}
