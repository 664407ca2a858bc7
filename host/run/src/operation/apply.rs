//! What a plan says of one plugin becomes so.

use std::collections::BTreeSet;
use std::sync::Arc;

use host_core::graph::Node;
use host_core::{Desired, Goal, PluginId, Revision, Source};
use host_fetch::Fetched;
use serde_json::{Map, Value};

use crate::model::{Build, Error, Receipt, Settings, Target, TargetPick, There, Wish};
use crate::operation::batch::Task;
use crate::operation::build::pick;
use crate::operation::check::check;
use crate::operation::graph_check::{Rule, Together};
use crate::operation::lease::Held;
use crate::operation::work::Work;

impl Work<'_> {
    /// Does what a plan says, plugin by plugin.
    pub(super) async fn apply(&mut self, targets: &[Target], atomic: bool) -> Result<Receipt, Error> {
        let together = self.together(targets).await?;
        self.overrule = Some(Rule::Together(Arc::new(together)));
        self.many(targets.iter().map(Task::Fulfil).collect(), atomic).await
    }

    /// What the plan does to the graph. Two plugins that only go with the other's new version come one after the other, so
    /// each is compared with what will be.
    async fn together(&mut self, targets: &[Target]) -> Result<Together, Error> {
        let (mut candidates, mut removed) = (vec![], BTreeSet::new());
        for target in targets {
            let Wish::There(there) = &target.wish else {
                removed.insert(target.id.clone());
                continue;
            };
            let enabled = there.goal.is_enabled();
            match there.pick.as_ref().filter(|pick| pick.tree.is_some()) {
                Some(pick) => {
                    let fetched = self.planned_tree(pick).await?;
                    let checked = check(&self.host.config(), &fetched.tree)?;
                    candidates.push(Node::of(&checked.manifest, enabled));
                }
                None => {
                    let view = self.host.plugin(target.id.as_str());
                    candidates.extend(view.and_then(|view| view.manifest).map(|manifest| Node::of(&manifest, enabled)));
                }
            }
        }
        Ok(Together { candidates, removed })
    }

    /// Notes that a part of the plan could not be done: those after it are compared with what is there instead.
    pub(super) fn is_not_to_be(&mut self, id: &PluginId) {
        if let Some(Rule::Together(all)) = &self.overrule {
            let candidates = all.candidates.iter().filter(|node| node.id != *id).cloned().collect();
            let removed = all.removed.iter().filter(|removed| *removed != id).cloned().collect();
            self.overrule = Some(Rule::Together(Arc::new(Together { candidates, removed })));
        }
    }

    /// Does what a plan says of one plugin.
    pub(super) async fn fulfil(&mut self, target: &Target) -> Result<Receipt, Error> {
        self.job.concerns(&target.id);
        match &target.wish {
            Wish::Gone => self.fulfil_removal(target).await,
            Wish::There(there) => match &there.pick {
                Some(pick) => self.fulfil_version(target, there, pick).await,
                None => self.fulfil_in_place(target, there).await,
            },
        }
    }

    async fn fulfil_removal(&mut self, target: &Target) -> Result<Receipt, Error> {
        let held = Held::installed_plugin(self.host, self.job, target.id.as_str()).await?;
        self.is_as_planned(&held, target.revision)?;
        let desired = Desired { goal: Goal::Absent { keep_data: true }, ..held.installed()?.desired };
        let rule = self.overrule.clone().unwrap_or(Rule::NotNeededByAny);
        // From here on it goes, also when the host ends meanwhile.
        self.ask_to(&held, desired, rule, None).await?;
        self.remove(held, true).await
    }

    /// Builds a version and lets it in with all else that changes, in one revision.
    async fn fulfil_version(&mut self, target: &Target, there: &There, planned: &TargetPick) -> Result<Receipt, Error> {
        let held = Held::plugin(self.host, self.job, &target.id).await?;
        self.is_as_planned(&held, target.revision).inspect_err(|_| held.forget_if_new(self.host))?;
        let built = self.planned_build(&held, planned).await;
        let (build, cached) = held.noted(self.host, built)?;
        let found = build.artifact.digest();
        if let Some(expected) = planned.artifact.filter(|expected| *expected != found) {
            let error = Error::OtherArtifact { id: target.id.clone(), expected, found };
            return held.noted(self.host, Err(error));
        }
        let pick = pick(planned.source.clone(), planned.trust, planned.commit.clone(), &build);
        let mut desired = self.wish(&held, &build, pick);
        desired.goal = there.goal;
        there.set_rule(&mut desired);
        let before = held.setup(self.host).ok();
        let setup = self.host.setup(desired, build).and_then(|setup| match &there.configuration {
            Some(wanted) => {
                let settings = before.as_ref().unwrap_or(&setup).settings_with_secrets(wanted);
                self.host.setup_with(setup, &Settings::Replace(settings))
            }
            None => Ok(setup),
        });
        let setup = held.noted(self.host, setup)?;
        let is_served = {
            let state = held.plugin.state();
            state.serving().is_some_and(|serving| serving.setup() == setup.digest())
        };
        let mut receipt = match there.goal {
            // Only where it comes from is another.
            Goal::Running if is_served => {
                self.ask_for(&held, setup, None).await?;
                let now = held.serving_number();
                self.receipt(&held, now, now)?
            }
            Goal::Running => self.serve(held, setup, None).await?,
            _ => {
                let receipt = self.let_in(held.clone(), setup).await?;
                let before = self.take_out(&held);
                Receipt { generation_before: before, generation: None, ..receipt }
            }
        };
        receipt.cached = cached;
        Ok(receipt)
    }

    /// Changes what is asked for of the version that is installed.
    async fn fulfil_in_place(&mut self, target: &Target, there: &There) -> Result<Receipt, Error> {
        let id = target.id.as_str();
        let settings = there.configuration.as_ref().map(|wanted| self.settings_of(id, wanted)).transpose()?;
        let mut receipts = vec![];
        let mut revision = target.revision;
        // What is to rest gets its settings at rest, and what is to serve begins with them.
        let rests_first = there.goal != Goal::Running;
        if let Some(settings) = settings.as_ref().filter(|_| !rests_first) {
            let expected = self.expected(id, revision);
            let receipt = self.configure(id, settings, Some(expected)).await?;
            revision = receipt.revision;
            receipts.push(receipt);
        }
        let receipt = self.fulfil_goal(target, there, revision).await?;
        revision = receipt.revision;
        receipts.push(receipt);
        if let Some(settings) = settings.as_ref().filter(|_| rests_first) {
            receipts.push(self.configure(id, settings, Some(revision)).await?);
        }
        let first = receipts.remove(0);
        Ok(receipts.into_iter().fold(first, Receipt::followed_by))
    }

    /// Changes what the plugin is to do and which newer versions are taken.
    async fn fulfil_goal(&mut self, target: &Target, there: &There, revision: u64) -> Result<Receipt, Error> {
        let held = Held::installed_plugin(self.host, self.job, target.id.as_str()).await?;
        self.is_as_planned(&held, revision)?;
        let before = held.installed()?.desired;
        let mut desired = Desired { goal: there.goal, ..before.clone() };
        there.set_rule(&mut desired);
        if there.goal == Goal::Running && before.goal != Goal::Running {
            held.plugin.state().attempts.forget();
            let setup = held.setup(self.host);
            let mut setup = held.noted(self.host, setup)?;
            setup.desired.goal = there.goal;
            there.set_rule(&mut setup.desired);
            return self.serve(held, setup, None).await;
        }
        let _uncut = self.job.uncut();
        if desired != before {
            let rule = self.overrule.clone().unwrap_or(Rule::NotNeeded);
            self.ask_to(&held, desired, rule, None).await?;
        }
        let serving = held.serving_number();
        if there.goal == Goal::Running {
            return self.receipt(&held, serving, serving);
        }
        self.step("swap");
        let before = self.take_out(&held);
        self.receipt(&held, before, None)
    }

    // === what was planned, and what is there ===

    /// Refuses a plugin that has changed since the plan was made, but by this job.
    fn is_as_planned(&self, held: &Held, planned: u64) -> Result<(), Error> {
        let found = held.revision();
        if found == planned || self.made_before.contains(&found) {
            return Ok(());
        }
        let id = &held.plugin.id;
        Err(Error::PlanStale {
            reason: format!("plugin `{id}` is at revision {found}, but was at {planned} when the plan was made"),
        })
    }

    /// The revision that a change has to be made from: the planned one, or one that an earlier attempt has made.
    fn expected(&self, id: &str, planned: u64) -> u64 {
        let found = self.host.plugin(id).map_or(planned, |view| view.revision);
        if self.made_before.contains(&found) { found } else { planned }
    }

    /// What the operator's settings become: what the plan says, and the secrets that it does not name.
    fn settings_of(&self, id: &str, wanted: &Map<String, Value>) -> Result<Settings, Error> {
        let unknown = || Error::UnknownPlugin { id: id.to_owned() };
        let plugin = self.host.0.plugins.get(id).map(|entry| entry.value().clone()).ok_or_else(unknown)?;
        let installed = plugin.state().installed.clone().ok_or_else(unknown)?;
        let artifact = installed.desired.current.artifact;
        let build = installed.build.ok_or_else(|| Error::NoArtifact { id: plugin.id.clone(), artifact })?;
        let setup = self.host.setup(installed.desired, build)?;
        Ok(Settings::Replace(setup.settings_with_secrets(wanted)))
    }

    /// Builds what was planned; what is installed already is not built again.
    async fn planned_build(&mut self, held: &Held, planned: &TargetPick) -> Result<(Build, Option<bool>), Error> {
        if planned.tree.is_none() {
            let installed = held.installed()?;
            let artifact = installed.desired.current.artifact;
            let build = installed.build.ok_or_else(|| Error::NoArtifact { id: held.plugin.id.clone(), artifact })?;
            return Ok((build, None));
        }
        let fetched = self.planned_tree(planned).await?;
        self.step("check");
        let checked = check(&self.host.config(), &fetched.tree)?;
        if checked.manifest.id != held.plugin.id {
            return Err(Error::OtherPlugin { expected: held.plugin.id.clone(), found: checked.manifest.id });
        }
        let (build, cached) = self.build(held, &planned.source, &fetched, checked).await?;
        Ok((build, Some(cached)))
    }

    /// The tree that was fetched for the plan. One that is not there any more is fetched again where only the same can come.
    async fn planned_tree(&mut self, planned: &TargetPick) -> Result<Fetched, Error> {
        let gone = || Error::PlanStale {
            reason: format!("the tree fetched from `{}` is no longer in the store", planned.source),
        };
        let digest = planned.tree.ok_or_else(gone)?;
        let host = self.host.clone();
        let found = tokio::task::spawn_blocking(move || host.0.store.tree(&digest)).await;
        if let Some(tree) = found.map_err(|_| Error::Panicked)?? {
            return Ok(Fetched { tree, commit: planned.commit.clone() });
        }
        let (Source::Git { url, .. }, Some(commit)) = (&planned.source, &planned.commit) else { return Err(gone()) };
        let source = Source::Git { url: url.clone(), revision: Revision::Named(commit.clone()) };
        let fetched = self.fetch(source, planned.trust).await?;
        if fetched.tree.digest() == digest { Ok(fetched) } else { Err(gone()) }
    }
}

// === impl There, Receipt ===

impl There {
    fn set_rule(&self, desired: &mut Desired) {
        if let Some(update) = &self.update {
            desired.update = update.clone();
        }
        if let Some(blocked) = &self.blocked {
            desired.blocked = blocked.clone();
        }
    }
}

impl Receipt {
    /// Two things that were done to one plugin, as one.
    fn followed_by(self, next: Receipt) -> Receipt {
        Receipt {
            generation_before: self.generation_before,
            warnings: [self.warnings, next.warnings].concat(),
            steps: [self.steps, next.steps].concat(),
            ..next
        }
    }
}
