//! The work on an operation: its dispatch, its steps and its receipt.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use host_call::now_unix_ms;
use host_core::event::EventKind;
use host_core::plan::Step;
use host_core::{Desired, Goal, Source, Trust};
use host_fetch::Fetched;
use host_state::Change;

use crate::jobs::Job;
use crate::model::{Error, Operation, Receipt, Setup, StepReport};
use crate::operation::graph_check::GraphCheck;
use crate::operation::lease::PluginLease;
use crate::operation::marks::PartOf;
use crate::state::Host;

/// The work on one operation, step by step.
pub(super) struct Work<'a> {
    pub(super) host: &'a Host,
    pub(super) job: &'a Arc<Job>,
    /// The current part of a job of several parts.
    pub(super) part: Option<PartOf>,
    /// The check for changes of several plugins at once, instead of the check of each single one.
    pub(super) batch_check: Option<GraphCheck>,
    /// The revisions that earlier attempts of the job have made.
    pub(super) made_before: BTreeSet<u64>,
    /// The warnings about the fetched version, compared with the installed one, since the last receipt.
    pub(super) remarks: Vec<String>,
    /// The warnings about the source and its plugin.yaml since the last receipt.
    pub(super) warnings: Vec<String>,
    /// The warnings about the files of the source. They belong to this operation, not to the installed version.
    pub(super) source_warnings: Vec<String>,
    steps: Vec<StepReport>,
    current: Option<(Cow<'static, str>, Instant)>,
}

impl<'a> Work<'a> {
    pub(super) fn new(host: &'a Host, job: &'a Arc<Job>) -> Work<'a> {
        let part = None;
        let batch_check = None;
        let made_before = BTreeSet::new();
        let (warnings, source_warnings, remarks, steps) = (vec![], vec![], vec![], vec![]);
        let current = None;
        Work { host, job, part, batch_check, made_before, remarks, warnings, source_warnings, steps, current }
    }

    /// Performs an operation.
    pub(super) async fn run(&mut self, operation: Operation) -> Result<Receipt, Error> {
        if self.host.is_stopping() {
            return Err(Error::ShuttingDown);
        }
        if let Some(plugin) = self.job.plugin().filter(|_| self.job.is_committed()) {
            return self.resume(&plugin).await;
        }
        match operation {
            Operation::Apply { targets, atomic, .. } => self.apply(&targets, atomic).await,
            Operation::Batch { operations, atomic } => self.batch(&operations, atomic).await,
            one => self.one(one).await,
        }
    }

    /// Performs an operation that is not a plan or a batch.
    pub(super) async fn one(&mut self, operation: Operation) -> Result<Receipt, Error> {
        // A part before this one may have failed.
        self.source_warnings.clear();
        self.remarks.clear();
        match operation {
            Operation::Apply { .. } | Operation::Batch { .. } => {
                unreachable!("`Operation::check` refuses a batch that contains a batch or a plan")
            }
            Operation::Load { source, trust, options } => {
                let fetched = self.fetch(source.clone(), trust).await?;
                options.admit(&source, &fetched)?;
                self.install(source, trust, fetched, options).await
            }
            Operation::Install { upload, options } => {
                let found = self.host.0.store.upload(&upload)?;
                let Some(found) = found else { return Err(Error::UnknownUpload { id: upload }) };
                let fetched = Fetched::from_tree(found.tree, found.warnings).with_warnings_about_code();
                self.install(Source::Upload(upload), Trust::Http, fetched, options).await
            }
            Operation::Reload { id } => self.reload(&id).await,
            Operation::Restart { id } => self.restart(&id).await,
            Operation::Enable { id } | Operation::Start { id } => self.enable(&id).await,
            Operation::Stop { id } => self.stop_with_goal(&id, Goal::Stopped).await,
            Operation::Disable { id, cascade } => self.disable(&id, cascade).await,
            Operation::Unload { id, keep_data, cascade } => self.unload(&id, keep_data, cascade).await,
            Operation::Configure { id, change, expected } => self.configure(&id, &change, expected).await,
            Operation::Rollback { id, to, because } => self.rollback(&id, to.as_deref(), because).await,
            Operation::Restore { id, revision } => self.restore(&id, revision).await,
            Operation::Update { id, to, automatic } => self.update(&id, to, automatic).await,
            Operation::SetUpdatePolicy { id, policy, blocked, tags } => {
                self.set_update_policy(&id, policy, blocked, tags).await
            }
            Operation::BlockVersion { id, version, blocked } => self.block_version(&id, version, blocked).await,
        }
    }

    /// Performs a step of the reconcile loop.
    pub(super) async fn run_planned_step(&mut self, lease: PluginLease, step: Step) -> Result<(), Error> {
        match step {
            Step::Start | Step::Replace => self.revive(lease).await,
            Step::Stop => {
                self.remove_from_roster(&lease);
                Ok(())
            }
            Step::Quarantine => self.quarantine(lease).await,
            Step::Remove { keep_data } => self.remove(lease, keep_data).await.map(drop),
        }
    }

    /// Starts the next step and ends the current one.
    pub(super) fn step(&mut self, step: &'static str) {
        let now = Instant::now();
        let step: Cow<'static, str> = match &self.part {
            Some(part) if step != "end" => format!("{}: {step}", part.label).into(),
            _ => step.into(),
        };
        if let Some((step, since)) = self.current.replace((step.clone(), now)) {
            let took = now.duration_since(since);
            let micros = took.as_micros();
            self.host.publish_for_job(self.job, EventKind::JobStep { step: (&*step).into(), took });
            self.steps.push(StepReport { step, duration_ms: micros as f64 / 1e3 });
        }
        self.job.enter(step);
    }

    pub(super) fn steps(&mut self) -> Vec<StepReport> {
        self.step("end");
        self.current = None;
        std::mem::take(&mut self.steps)
    }

    /// The dependency check of `setup`.
    pub(super) fn graph_check(&self, lease: &PluginLease, setup: &Setup) -> GraphCheck {
        self.batch_check.clone().unwrap_or_else(|| GraphCheck::for_version(lease, setup))
    }

    /// A change of the desired state, with the initiator and reason of the job.
    pub(super) fn change(&self, lease: &PluginLease, desired: Option<Desired>, because: Option<&str>) -> Change {
        let initiator = self.job.initiator();
        let reason = because.map(str::to_owned).or_else(|| initiator.reason.clone());
        let reason = match &self.part {
            Some(part) => Some(part.mark(self.job.id(), reason.as_deref())),
            None => reason,
        };
        Change {
            plugin: lease.plugin.id.clone(),
            desired,
            expected: Some(lease.revision()),
            actor: initiator.actor.clone(),
            operation: self.job.operation().to_owned(),
            reason,
            at_unix_ms: now_unix_ms(),
        }
    }

    /// The receipt of an operation on an installed plugin.
    pub(super) fn receipt(
        &mut self,
        lease: &PluginLease,
        before: Option<u64>,
        now: Option<u64>,
    ) -> Result<Receipt, Error> {
        let installed = lease.installed()?;
        Ok(Receipt {
            id: Some(lease.plugin.id.clone()),
            version: installed.desired.current.version.to_string(),
            source: installed.desired.current.source.to_string(),
            commit: installed.desired.current.commit.clone(),
            reference: installed.desired.current.reference.clone(),
            revision: installed.revision,
            generation_before: before,
            generation: now,
            served: lease.plugin.state().served(before.into_iter().chain(now)),
            cached: None,
            warnings: [std::mem::take(&mut self.remarks), std::mem::take(&mut self.warnings)].concat(),
            states: vec![],
            reason: None,
            parts: vec![],
            steps: self.steps(),
        })
    }
}
