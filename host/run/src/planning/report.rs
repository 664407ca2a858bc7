//! A plan as it is shown.

use std::collections::{BTreeMap, BTreeSet};

use host_core::plugin_set::{PlannedChange, PluginPlan, PluginSet};
use host_core::update::UpdateRule;
use host_core::{Digest, PluginId};
use semver::Version;

use crate::planning::gather::{FoundSource, KnownPlugin};

pub use host_build::Way;

/// What applying a file would do.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanReport {
    /// The plan: to be passed to [`Host::apply`](crate::Host::apply).
    pub digest: Digest,
    /// Until when it is kept, in milliseconds since 1970.
    pub expires_unix_ms: u64,
    /// Whether plugins that are not listed are unloaded.
    pub prune: bool,
    /// The plugins, in the order in which they are changed; those that stay as they are among them.
    pub plugins: Vec<PlannedPlugin>,
}

/// What would be done with one plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedPlugin {
    /// The plugin.
    pub id: PluginId,
    /// Its place in the file; `None` for a plugin that is not listed.
    pub entry: Option<usize>,
    /// What changes; nothing when empty.
    pub changes: Vec<PlannedChange>,
    /// Whether its source was fetched for the plan.
    pub fetched: bool,
    /// How it would be built; `None` when no other version comes.
    pub build: Option<Way>,
    /// Permissions that it did not have so far.
    pub new_permissions: Vec<String>,
    /// Which newer versions are taken, before and then, where that changes.
    pub rules: Option<(RuleView, RuleView)>,
    /// Enabled plugins that need it, when another version comes or it goes out of service.
    pub affected: Vec<PluginId>,
    /// What plugin.yaml's check has to say, when another version comes.
    pub warnings: Vec<String>,
}

/// Which newer versions are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleView {
    /// The rule.
    pub rule: UpdateRule,
    /// Versions that no update may choose.
    pub blocked: BTreeSet<Version>,
}

impl PlanReport {
    /// How many plugins change.
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
        let changes_rule = step.changes.contains(&PlannedChange::UpdateRule);
        let rules = entry.filter(|_| changes_rule).map(|entry| {
            let before = known
                .get(&step.id)
                .map(|known| RuleView { rule: known.desired.update.clone(), blocked: known.desired.blocked.clone() });
            let before = before.unwrap_or_default();
            let after = RuleView {
                rule: entry.update.clone().unwrap_or_else(|| before.rule.clone()),
                blocked: entry.blocked.clone().unwrap_or_else(|| before.blocked.clone()),
            };
            (before, after)
        });
        PlannedPlugin {
            id: step.id.clone(),
            entry: step.entry,
            changes: step.changes.clone(),
            fetched: looked.is_some_and(|looked| looked.fetched.is_some()),
            build: comes.and_then(|looked| looked.way),
            new_permissions: step.new_permissions.clone(),
            rules,
            affected: step.affected.clone(),
            warnings: comes.map(|looked| looked.warnings.clone()).unwrap_or_default(),
        }
    }
}
