//! The report of a plan.

use std::collections::{BTreeMap, BTreeSet};

use host_core::plugin_set::{PlannedChange, PluginPlan, PluginSet};
use host_core::update::UpdatePolicy;
use host_core::{Digest, PluginId};
use semver::Version;

use crate::planning::gather::{FoundSource, KnownPlugin};

pub use host_build::BuildKind;

/// The report of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanReport {
    /// The digest of the plan, for [`Host::apply`](crate::Host::apply).
    pub digest: Digest,
    /// The expiry of the plan, in milliseconds since the Unix epoch.
    pub expires_unix_ms: u64,
    /// Whether plugins that are not listed are unloaded.
    pub prune: bool,
    /// All plugins, in the order of their changes, including unchanged ones.
    pub plugins: Vec<PlannedPlugin>,
}

/// The planned changes of one plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedPlugin {
    /// The plugin.
    pub id: PluginId,
    /// The place in the file; `None` for a plugin that is not listed.
    pub entry: Option<usize>,
    /// The changes; empty if nothing changes.
    pub changes: Vec<PlannedChange>,
    /// Whether the source was fetched for the plan.
    pub fetched: bool,
    /// How the artifact would be created; `None` if the version does not change.
    pub build: Option<BuildKind>,
    /// The permissions that the plugin did not have before.
    pub new_permissions: Vec<String>,
    /// The update policies before and after, if they change.
    pub policies: Option<(PolicyView, PolicyView)>,
    /// The enabled plugins that depend on it, if its version changes or it stops serving.
    pub affected: Vec<PluginId>,
    /// The warnings about the source and its plugin.yaml if the version changes, and about the keys of the
    /// configuration if it changes.
    pub warnings: Vec<String>,
}

/// The update policy of a plugin, with its blocked versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyView {
    /// The policy.
    pub policy: UpdatePolicy,
    /// The versions that updates never choose.
    pub blocked: BTreeSet<Version>,
}

impl PlanReport {
    /// The number of plugins that change.
    pub fn n_changing(&self) -> usize {
        self.plugins.iter().filter(|plugin| !plugin.changes.is_empty()).count()
    }
}

impl PlannedPlugin {
    pub(super) fn new(
        step: &PluginPlan,
        file: &PluginSet,
        known: &BTreeMap<PluginId, KnownPlugin>,
        looked: &BTreeMap<usize, FoundSource>,
    ) -> PlannedPlugin {
        let entry = step.entry.and_then(|entry| file.plugins.get(entry));
        let looked = step.entry.and_then(|entry| looked.get(&entry));
        let is_version =
            |change: &PlannedChange| matches!(change, PlannedChange::Install(_) | PlannedChange::Replace { .. });
        let comes = looked.filter(|_| step.changes.iter().any(is_version));
        let is_configured =
            |change: &PlannedChange| is_version(change) || matches!(change, PlannedChange::Configure(_));
        let slips =
            looked.filter(|_| step.changes.iter().any(is_configured)).into_iter().flat_map(|found| &found.slips);
        let changes_policy = step.changes.contains(&PlannedChange::UpdatePolicy);
        let policies = entry.filter(|_| changes_policy).map(|entry| {
            let before = known.get(&step.id).map(|known| PolicyView {
                policy: known.desired.update.clone(),
                blocked: known.desired.blocked.clone(),
            });
            let before = before.unwrap_or_default();
            let after = PolicyView {
                policy: entry.update.clone().unwrap_or_else(|| before.policy.clone()),
                blocked: entry.blocked.clone().unwrap_or_else(|| before.blocked.clone()),
            };
            (before, after)
        });
        PlannedPlugin {
            id: step.id.clone(),
            entry: step.entry,
            changes: step.changes.clone(),
            fetched: looked.is_some_and(|looked| looked.fetched.is_some()),
            build: comes.and_then(|looked| looked.build),
            new_permissions: step.new_permissions.clone(),
            policies,
            affected: step.affected.clone(),
            warnings: comes.into_iter().flat_map(|found| &found.warnings).chain(slips).cloned().collect(),
        }
    }
}
