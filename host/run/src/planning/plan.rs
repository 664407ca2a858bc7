//! Plans: the changes that a plugins.yaml would make.

use std::collections::BTreeMap;

use host_core::plugin_set::{self, PlannedChange, PluginPlan, PluginSet, compare};
use host_core::{DigestWriter, PluginId};

use crate::model::{Error, FieldProblem, PresentState, Target, TargetPick, TargetState};
use crate::planning::gather::{FoundSource, KnownPlugin};
use crate::planning::report::{PlanReport, PlannedPlugin};
use crate::state::{Host, KeptPlan};

impl Host {
    /// Plans the application of `file` and stores the plan for an hour; [`Host::apply`] applies it.
    ///
    /// Fetches every source that is not installed at exactly the locked commit, and checks plugin.yaml and settings.
    /// The fetched trees stay in the store; nothing is built and nothing else is changed. Folders must be below the
    /// source roots, except sources that are installed already.
    ///
    /// # Errors
    /// [`Error::PlanRefused`] with all problems; [`Error::ShuttingDown`]; the data folders could not be read or
    /// written.
    ///
    /// # Cancel safety
    /// Dropping the future ends the fetches.
    pub async fn plan(&self, file: PluginSet) -> Result<PlanReport, Error> {
        let known = self.known()?;
        let mut looked = tokio::select! {
            looked = self.look_at_all(&file, &known) => looked?,
            () = self.0.stopping.cancelled() => return Err(Error::ShuttingDown),
        };
        let present: Vec<_> = known.values().map(KnownPlugin::present).collect();
        let found: BTreeMap<_, _> = looked.found.iter().map(|(entry, looked)| (*entry, looked.found.clone())).collect();
        // While entries are missing, the dependencies between plugins are unknown.
        let whole = PluginSet { prune: file.prune && looked.problems.is_empty(), ..file.clone() };
        let plan = compare(&whole, &present, &found);
        let refused = plan.as_ref().err().into_iter().flatten();
        let obstacles = refused.filter(|refused| looked.problems.is_empty() || refused.entry().is_some()).map(problem);
        let obstacles: Vec<_> = obstacles.collect();
        looked.problems.extend(obstacles);
        let plan = match plan {
            Ok(plan) if looked.problems.is_empty() => plan,
            _ => return Err(Error::PlanRefused { problems: looked.problems }),
        };

        let revisions: BTreeMap<PluginId, u64> = known.iter().map(|(id, known)| (id.clone(), known.revision)).collect();
        let mut digest = DigestWriter::new();
        digest.field(b"plan 1").field(plugin_set::write(&file).as_bytes());
        for (id, revision) in &revisions {
            digest.field(id.as_str().as_bytes()).field(&revision.to_le_bytes());
        }
        for (entry, looked) in &looked.found {
            let tree = looked.fetched.as_ref().map(|fetched| fetched.tree.digest().hex()).unwrap_or_default();
            digest.field(&entry.to_le_bytes()).field(tree.as_bytes());
        }
        let digest = digest.finish();
        let steps = plan.steps.iter();
        let plugins = steps.clone().map(|step| PlannedPlugin::new(step, &file, &known, &looked.found)).collect();
        let changing = steps.filter(|step| !step.changes.is_empty());
        let targets = changing.map(|step| target(step, &file, &known, &looked.found)).collect();
        let trees = looked.found.into_values().filter_map(|looked| Some(looked.fetched?.tree)).collect();
        let expires_unix_ms = self.0.plans.keep(KeptPlan::new(digest, revisions, targets, trees));
        Ok(PlanReport { digest, expires_unix_ms, prune: file.prune, plugins })
    }
}

/// The target of a planned step.
fn target(
    step: &PluginPlan,
    file: &PluginSet,
    known: &BTreeMap<PluginId, KnownPlugin>,
    looked: &BTreeMap<usize, FoundSource>,
) -> Target {
    let revision = known.get(&step.id).map_or(0, |known| known.revision);
    let listed = step.entry.and_then(|entry| Some((file.plugins.get(entry)?, looked.get(&entry)?)));
    let state =
        match listed {
            None => TargetState::Absent,
            Some((entry, looked)) => {
                let has = |is: fn(&PlannedChange) -> bool| step.changes.iter().any(is);
                let pick = has(|change| matches!(change, PlannedChange::Install(_) | PlannedChange::Replace { .. }))
                    .then(|| TargetPick {
                        source: looked.found.source.clone(),
                        trust: looked.trust,
                        commit: looked.found.commit.clone(),
                        reference: match (&looked.fetched, known.get(&step.id)) {
                            (Some(fetched), _) => fetched.reference.clone(),
                            (None, known) => known.and_then(|known| known.desired.current.reference.clone()),
                        },
                        tree: looked.fetched.as_ref().map(|fetched| fetched.tree.digest()),
                        artifact: entry.artifact,
                    });
                let sets = pick.is_some() || has(|change| matches!(change, PlannedChange::Configure(_)));
                let update_changes = has(|change| matches!(change, PlannedChange::UpdatePolicy));
                TargetState::Present(Box::new(PresentState {
                    pick,
                    goal: entry.goal,
                    configuration: entry.configuration.clone().filter(|_| sets),
                    update: entry.update.clone().filter(|_| update_changes),
                    blocked: entry.blocked.clone().filter(|_| update_changes),
                }))
            }
        };
    Target { id: step.id.clone(), revision, state }
}

fn problem(refused: &plugin_set::PlanObstacle) -> FieldProblem {
    let field = refused.entry().map_or_else(|| "plugins".to_owned(), |entry| format!("plugins[{entry}]"));
    FieldProblem { field, message: refused.to_string() }
}
