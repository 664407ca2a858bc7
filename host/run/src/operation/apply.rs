//! Applies the targets of a plan to their plugins.

use std::collections::BTreeSet;
use std::sync::Arc;

use host_core::graph::Node;
use host_core::{Desired, Goal, PluginId, Revision};
use host_fetch::Fetched;
use serde_json::{Map, Value};

use crate::model::{Build, Error, PresentState, Receipt, SettingsChange, Target, TargetPick, TargetState};
use crate::operation::batch::Task;
use crate::operation::build::pick;
use crate::operation::check::check;
use crate::operation::graph_check::{BatchGraph, GraphCheck};
use crate::operation::lease::PluginLease;
use crate::operation::work::Work;

impl Work<'_> {
    /// Applies the targets of a plan, one plugin after the other.
    pub(super) async fn apply(&mut self, targets: &[Target], atomic: bool) -> Result<Receipt, Error> {
        let graph = self.batch_graph(targets).await?;
        self.batch_check = Some(GraphCheck::Batch(Arc::new(graph)));
        self.many(targets.iter().map(Task::Target).collect(), atomic).await
    }

    /// The effect of the whole plan on the dependency graph. Each plugin is checked against the end state, because two
    /// plugins that need each other's new versions are changed one after the other.
    async fn batch_graph(&mut self, targets: &[Target]) -> Result<BatchGraph, Error> {
        let mut candidates = vec![];
        let mut removed = BTreeSet::new();
        for target in targets {
            let TargetState::Present(there) = &target.state else {
                removed.insert(target.id.clone());
                continue;
            };
            let enabled = there.goal.is_enabled();
            match there.pick.as_ref().filter(|pick| pick.tree.is_some()) {
                Some(pick) => {
                    let fetched = self.planned_tree(pick).await?;
                    let checked = check(&self.host.config(), &fetched.tree)?;
                    candidates.push(Node::from_manifest(&checked.manifest, enabled));
                }
                None => {
                    let view = self.host.plugin(target.id.as_str());
                    candidates.extend(
                        view.and_then(|view| view.manifest).map(|manifest| Node::from_manifest(&manifest, enabled)),
                    );
                }
            }
        }
        Ok(BatchGraph { candidates, removed })
    }

    /// Removes a failed target from the plan's graph, so that later targets are checked against the actual state of its
    /// plugin.
    pub(super) fn drop_from_plan(&mut self, id: &PluginId) {
        if let Some(GraphCheck::Batch(all)) = &self.batch_check {
            let candidates = all.candidates.iter().filter(|node| node.id != *id).cloned().collect();
            let removed = all.removed.iter().filter(|removed| *removed != id).cloned().collect();
            self.batch_check = Some(GraphCheck::Batch(Arc::new(BatchGraph { candidates, removed })));
        }
    }

    /// Applies one target of a plan to its plugin.
    pub(super) async fn apply_target(&mut self, target: &Target) -> Result<Receipt, Error> {
        self.job.set_plugin(&target.id);
        match &target.state {
            TargetState::Absent => self.apply_removal(target).await,
            TargetState::Present(there) => match &there.pick {
                Some(pick) => self.apply_version(target, there, pick).await,
                None => self.apply_in_place(target, there).await,
            },
        }
    }

    async fn apply_removal(&mut self, target: &Target) -> Result<Receipt, Error> {
        let lease = PluginLease::installed_plugin(self.host, self.job, target.id.as_str()).await?;
        self.is_as_planned(&lease, target.revision)?;
        let desired = Desired { goal: Goal::Absent { keep_data: true }, ..lease.installed()?.desired };
        let check = self.batch_check.clone().unwrap_or(GraphCheck::RemoveAllowed);
        // Once committed, the removal is completed, also after a restart of the host.
        self.commit_desired(&lease, desired, check, None).await?;
        self.remove(lease, true).await
    }

    /// Builds a version and installs it, with all other changes in one revision.
    async fn apply_version(
        &mut self,
        target: &Target,
        there: &PresentState,
        planned: &TargetPick,
    ) -> Result<Receipt, Error> {
        let lease = PluginLease::plugin(self.host, self.job, &target.id).await?;
        self.is_as_planned(&lease, target.revision).inspect_err(|_| lease.forget_if_new(self.host))?;
        let built = self.planned_build(&lease, planned).await;
        let (build, cached) = lease.record_failure(self.host, built)?;
        let found = build.artifact.digest();
        if let Some(expected) = planned.artifact.filter(|expected| *expected != found) {
            let error = Error::OtherArtifact { id: target.id.clone(), expected, found };
            return lease.record_failure(self.host, Err(error));
        }
        let pick =
            pick(planned.source.clone(), planned.trust, planned.commit.clone(), planned.reference.clone(), &build);
        let mut desired = self.desired_with(&lease, &build, pick);
        desired.goal = there.goal;
        there.set_update_policy(&mut desired);
        let before = lease.setup(self.host).ok();
        let setup = self.host.setup(desired, build).and_then(|setup| match &there.configuration {
            Some(wanted) => {
                let settings = before.as_ref().unwrap_or(&setup).settings_with_secrets(wanted);
                self.host.setup_with(setup, &SettingsChange::Replace(settings))
            }
            None => Ok(setup),
        });
        let setup = lease.record_failure(self.host, setup)?;
        let is_served = {
            let state = lease.plugin.state();
            state.serving().is_some_and(|serving| serving.setup() == setup.digest())
        };
        let mut receipt = match there.goal {
            // Only the source has changed; the same setup serves already.
            Goal::Running if is_served => {
                self.commit_setup(&lease, setup, None).await?;
                let now = lease.serving_number();
                self.receipt(&lease, now, now)?
            }
            Goal::Running => self.serve(lease, setup, None).await?,
            _ => {
                let receipt = self.install_stopped(lease.clone(), setup).await?;
                let before = self.remove_from_roster(&lease);
                Receipt { generation_before: before, generation: None, ..receipt }
            }
        };
        receipt.cached = cached;
        Ok(receipt)
    }

    /// Changes the desired state of the installed version.
    async fn apply_in_place(&mut self, target: &Target, there: &PresentState) -> Result<Receipt, Error> {
        let id = target.id.as_str();
        let settings = there.configuration.as_ref().map(|wanted| self.settings_of(id, wanted)).transpose()?;
        let mut receipts = vec![];
        let mut revision = target.revision;
        // A plugin that stops gets its settings after it was stopped; a plugin that starts gets them before.
        let rests_first = there.goal != Goal::Running;
        if let Some(settings) = settings.as_ref().filter(|_| !rests_first) {
            let expected = self.expected(id, revision);
            let receipt = self.configure(id, settings, Some(expected)).await?;
            revision = receipt.revision;
            receipts.push(receipt);
        }
        let receipt = self.apply_goal(target, there, revision).await?;
        revision = receipt.revision;
        receipts.push(receipt);
        if let Some(settings) = settings.as_ref().filter(|_| rests_first) {
            receipts.push(self.configure(id, settings, Some(revision)).await?);
        }
        let first = receipts.remove(0);
        Ok(receipts.into_iter().fold(first, Receipt::followed_by))
    }

    /// Changes the goal of the plugin and its update policy.
    async fn apply_goal(&mut self, target: &Target, there: &PresentState, revision: u64) -> Result<Receipt, Error> {
        let lease = PluginLease::installed_plugin(self.host, self.job, target.id.as_str()).await?;
        self.is_as_planned(&lease, revision)?;
        let before = lease.installed()?.desired;
        let mut desired = Desired { goal: there.goal, ..before.clone() };
        there.set_update_policy(&mut desired);
        if there.goal == Goal::Running && before.goal != Goal::Running {
            lease.plugin.state().forget_failures();
            let setup = lease.setup(self.host);
            let mut setup = lease.record_failure(self.host, setup)?;
            setup.desired.goal = there.goal;
            there.set_update_policy(&mut setup.desired);
            return self.serve(lease, setup, None).await;
        }
        let _shield = self.job.shield_from_cancel();
        if desired != before {
            let check = self.batch_check.clone().unwrap_or(GraphCheck::DisableAllowed);
            self.commit_desired(&lease, desired, check, None).await?;
        }
        let serving = lease.serving_number();
        if there.goal == Goal::Running {
            return self.receipt(&lease, serving, serving);
        }
        self.step("swap");
        let before = self.remove_from_roster(&lease);
        self.receipt(&lease, before, None)
    }

    // === the plan and the actual state ===

    /// Refuses a plugin that was changed since the plan was made, other than by this job.
    fn is_as_planned(&self, lease: &PluginLease, planned: u64) -> Result<(), Error> {
        let found = lease.revision();
        if found == planned || self.made_before.contains(&found) {
            return Ok(());
        }
        let id = &lease.plugin.id;
        Err(Error::PlanStale {
            reason: format!("plugin `{id}` is at revision {found}, but was at {planned} when the plan was made"),
        })
    }

    /// The revision that a change is made from: the planned revision, or the revision made by an earlier attempt of
    /// this job.
    fn expected(&self, id: &str, planned: u64) -> u64 {
        let found = self.host.plugin(id).map_or(planned, |view| view.revision);
        if self.made_before.contains(&found) { found } else { planned }
    }

    /// The operator's settings of the plan, completed with the secrets that they do not mention.
    fn settings_of(&self, id: &str, wanted: &Map<String, Value>) -> Result<SettingsChange, Error> {
        let unknown = || Error::UnknownPlugin { id: id.to_owned() };
        let plugin = self.host.0.plugins.get(id).map(|entry| entry.value().clone()).ok_or_else(unknown)?;
        let installed = plugin.state().installed.clone().ok_or_else(unknown)?;
        let artifact = installed.desired.current.artifact;
        let build = installed.build.ok_or_else(|| Error::NoArtifact { id: plugin.id.clone(), artifact })?;
        let setup = self.host.setup(installed.desired, build)?;
        Ok(SettingsChange::Replace(setup.settings_with_secrets(wanted)))
    }

    /// Builds the planned version. The installed version is not built again.
    async fn planned_build(
        &mut self,
        lease: &PluginLease,
        planned: &TargetPick,
    ) -> Result<(Build, Option<bool>), Error> {
        if planned.tree.is_none() {
            let installed = lease.installed()?;
            let artifact = installed.desired.current.artifact;
            let build = installed.build.ok_or_else(|| Error::NoArtifact { id: lease.plugin.id.clone(), artifact })?;
            return Ok((build, None));
        }
        let fetched = self.planned_tree(planned).await?;
        self.step("check");
        let checked = check(&self.host.config(), &fetched.tree)?;
        if checked.manifest.id != lease.plugin.id {
            return Err(Error::OtherPlugin { expected: lease.plugin.id.clone(), found: checked.manifest.id });
        }
        self.refuse_moved_tag(lease, &planned.source, &fetched)?;
        let (build, cached) = self.build(lease, &planned.source, &fetched, checked).await?;
        Ok((build, cached))
    }

    /// The tree that was fetched for the plan. A tree that is no longer in the store is fetched again if its commit is
    /// known.
    async fn planned_tree(&mut self, planned: &TargetPick) -> Result<Fetched, Error> {
        let gone = || Error::PlanStale {
            reason: format!("the tree fetched from `{}` is no longer in the store", planned.source),
        };
        let digest = planned.tree.ok_or_else(gone)?;
        let host = self.host.clone();
        let found = tokio::task::spawn_blocking(move || host.0.store.tree(&digest)).await;
        if let Some(tree) = found.map_err(|_| Error::Panicked)?? {
            let tree = match planned.source.path() {
                Some(folder) => tree.below(folder).ok_or_else(gone)?,
                None => tree,
            };
            let (commit, reference) = (planned.commit.clone(), planned.reference.clone());
            // The plan named the files that were left out.
            return Ok(Fetched { commit, reference, ..Fetched::from_tree(tree, vec![]) });
        }
        let commit = planned.commit.clone().ok_or_else(gone)?;
        let source = planned.source.at(Revision::Named(commit)).ok_or_else(gone)?;
        let fetched = self.fetch(source, planned.trust).await?;
        if fetched.tree.digest() == digest {
            Ok(Fetched { reference: planned.reference.clone(), ..fetched })
        } else {
            Err(gone())
        }
    }
}

// === impl PresentState, Receipt ===

impl PresentState {
    fn set_update_policy(&self, desired: &mut Desired) {
        if let Some(update) = &self.update {
            desired.update = update.clone();
        }
        if let Some(blocked) = &self.blocked {
            desired.blocked = blocked.clone();
        }
    }
}

impl Receipt {
    /// Combines two receipts of one plugin.
    fn followed_by(self, next: Receipt) -> Receipt {
        Receipt {
            generation_before: self.generation_before,
            warnings: [self.warnings, next.warnings].concat(),
            steps: [self.steps, next.steps].concat(),
            ..next
        }
    }
}
