//! Commits a prepared generation to the desired state and swaps it into the roster. Both run in one task that cannot be
//! cancelled.

use std::sync::Arc;
use std::time::Duration;

use host_call::Generation;
use host_core::event::EventKind;
use host_core::{Desired, Goal};
use host_load::Hook;
use host_state::Change;
use tokio::sync::OwnedMutexGuard;

use crate::jobs::Job;
use crate::model::{Error, Installed, Receipt, Setup};
use crate::operation::graph_check::GraphCheck;
use crate::operation::lease::PluginLease;
use crate::operation::start::Started;
use crate::operation::work::Work;
use crate::state::Host;
use crate::upkeep;

impl Work<'_> {
    /// Starts a generation of `setup`, commits it to the desired state, and lets it serve in place of the current one.
    ///
    /// # Cancel safety
    /// Until the step `commit`, dropping the future changes nothing; from then on, all of it is done.
    pub(super) async fn serve(
        &mut self,
        lease: PluginLease,
        setup: Setup,
        because: Option<&str>,
    ) -> Result<Receipt, Error> {
        let mut setup = setup;
        // An operator's request lifts the quarantine.
        setup.desired.quarantine = None;
        // Checked before anything is started, and again with the commit.
        let rule = self.graph_check(&lease, &setup);
        let fits = rule.check(self.host, &lease.plugin.id).and_then(|()| setup.check());
        lease.record_failure(self.host, fits)?;
        let started = self.start(&lease, &setup).await;
        let started = lease.record_failure(self.host, started)?;
        let slips = setup.build.manifest.likely_slips(&setup.configuration);
        let mut warnings = std::mem::take(&mut self.remarks);
        warnings.append(&mut self.source_warnings);
        warnings.extend(setup.build.warnings.iter().map(ToString::to_string).chain(slips));
        if let Ok(installed) = lease.installed() {
            let new = installed.desired.new_permissions(&setup.build.manifest);
            warnings
                .extend(new.iter().map(|permission| format!("the plugin now requests the permission `{permission}`")));
        }
        let _shield = self.job.shield_from_cancel();
        self.step("commit");
        let change = self.change(&lease, Some(setup.desired.clone()), because);
        let job = self.job.clone();
        let is_judged = because.is_none();
        let finish = finish(self.host.clone(), lease.clone(), job, setup, started, (change, rule), is_judged);
        let finished = self.host.0.tasks.spawn(finish).await.unwrap_or(Err(Error::Panicked));
        let (generation, generation_before) = lease.record_failure(self.host, finished)?;
        self.step("swap");
        if self.host.is_stopping() {
            // The shutdown may have read the roster before the swap.
            self.remove_from_roster(&lease);
            return Err(Error::ShuttingDown);
        }
        if generation.instance.has(&Hook::OnLoad) {
            self.step("on_load");
            generation.run_hook(&Hook::OnLoad, self.host.config().start_timeout).await;
        }
        let receipt = self.receipt(&lease, generation_before, Some(generation.number))?;
        Ok(Receipt { warnings, ..receipt })
    }

    /// Starts the installed version again, in place of the serving generation.
    pub(super) async fn serve_again(&mut self, lease: PluginLease) -> Result<Receipt, Error> {
        let setup = lease.setup(self.host);
        let mut setup = lease.record_failure(self.host, setup)?;
        setup.desired.goal = Goal::Running;
        self.serve(lease, setup, None).await
    }

    /// Installs a plugin that does not serve. Its code validates its configuration.
    pub(super) async fn install_stopped(&mut self, lease: PluginLease, setup: Setup) -> Result<Receipt, Error> {
        let judged = match setup.check() {
            Ok(()) => self.judge(&setup).await,
            Err(error) => Err(error),
        };
        lease.record_failure(self.host, judged)?;
        self.commit_setup(&lease, setup, None).await?;
        let now = lease.serving_number();
        self.receipt(&lease, now, now)
    }

    /// Commits `setup` to the desired state. Does not change the serving generation.
    pub(super) async fn commit_setup(
        &mut self,
        lease: &PluginLease,
        setup: Setup,
        because: Option<&str>,
    ) -> Result<(), Error> {
        self.step("commit");
        let change = self.change(lease, Some(setup.desired.clone()), because);
        let rule = self.graph_check(lease, &setup);
        let host = self.host.clone();
        let plugin = lease.clone();
        let job = self.job.clone();
        let committed = self.host.0.tasks.spawn(async move {
            let (revision, _gate) = commit(&host, &plugin, &job, change, rule).await?;
            plugin.plugin.state().installed = Some(setup.installed(revision));
            Ok(())
        });
        let committed = committed.await.unwrap_or(Err(Error::Panicked));
        lease.record_failure(self.host, committed)
    }

    /// Commits another desired state of the installed version. Does not change the serving generation.
    pub(super) async fn commit_desired(
        &mut self,
        lease: &PluginLease,
        desired: Desired,
        rule: GraphCheck,
        because: Option<&str>,
    ) -> Result<(), Error> {
        self.step("commit");
        let change = self.change(lease, Some(desired.clone()), because);
        let host = self.host.clone();
        let plugin = lease.clone();
        let job = self.job.clone();
        let committed = self.host.0.tasks.spawn(async move {
            let (revision, _gate) = commit(&host, &plugin, &job, change, rule).await?;
            let mut state = plugin.plugin.state();
            if let Some(installed) = &mut state.installed {
                *installed = Installed { desired, revision, ..installed.clone() };
            }
            Ok(())
        });
        let committed = committed.await.unwrap_or(Err(Error::Panicked));
        lease.record_failure(self.host, committed)
    }

    /// Removes a plugin from the roster and ends its generation in the background.
    pub(super) fn remove_from_roster(&self, lease: &PluginLease) -> Option<u64> {
        let generation = self.host.0.roster.remove(&lease.plugin.id)?;
        let number = generation.number;
        self.host.retire(generation, self.host.config().drain_timeout);
        Some(number)
    }
}

/// Commits, then swaps. Runs in a task of its own, so that it cannot be cancelled between the two.
async fn finish(
    host: Host,
    lease: PluginLease,
    job: Arc<Job>,
    setup: Setup,
    started: Started,
    (change, rule): (Change, GraphCheck),
    is_judged: bool,
) -> Result<(Arc<Generation>, Option<u64>), Error> {
    let (revision, gate) = commit(&host, &lease, &job, change, rule).await?;
    let generation = started.take();
    {
        let mut state = lease.plugin.state();
        state.add(generation.clone());
        state.installed = Some(setup.installed(revision));
        state.attempts.started();
        state.last_error = None;
    }
    drop(gate);
    let before = host.0.roster.insert(generation.clone());
    host_fail::point("run.swapped");
    let number_before = before.as_ref().map(|generation| generation.number);
    host.publish_for_job(
        &job,
        EventKind::GenerationServes {
            generation: generation.number,
            version: generation.life.version.as_str().into(),
            before: number_before,
        },
    );
    let is_new_version = before.as_ref().is_some_and(|before| before.artifact != generation.artifact);
    if let Some(before) = before {
        host.retire(before, host.config().drain_timeout);
        host_fail::point("run.retiring");
    }
    let window = Duration::from_millis(host.config().probation.window_ms);
    if is_new_version && is_judged && !window.is_zero() {
        generation.begin_probation(window);
        let host = host.clone();
        let generation = generation.clone();
        host.0.tasks.clone().spawn(async move { host.judge(generation).await });
    }
    if generation.manifest.health.enabled {
        host.0.tasks.spawn(upkeep::watch_health(host.clone(), generation.clone()));
    }
    Ok((generation, number_before))
}

/// Commits a change of the desired state, unless it changes nothing, and marks the job as committed. Returns the
/// revision. Until the guard is dropped, no other plugin is checked against the dependency graph, so that the caller
/// can publish the change first.
///
/// # Errors
/// The dependency check failed, or the change could not be written; nothing has changed.
pub(super) async fn commit(
    host: &Host,
    lease: &PluginLease,
    job: &Job,
    change: Change,
    rule: GraphCheck,
) -> Result<(u64, OwnedMutexGuard<()>), Error> {
    let gate = host.0.gate.clone().lock_owned().await;
    rule.check(host, &lease.plugin.id)?;
    let before =
        lease.plugin.state().installed.as_ref().map(|installed| (installed.desired.clone(), installed.revision));
    if let Some((desired, revision)) = &before
        && change.desired.as_ref() == Some(desired)
    {
        return Ok((*revision, gate));
    }
    let desired = change.desired.clone();
    host_fail::point("run.prepared");
    let revision = match job.plugin() {
        // The plugins that are changed first, because they depend on the plugin of the job, do not mark the job as
        // committed.
        Some(plugin) if plugin == change.plugin && job.is_listed() && !job.has_parts() => {
            let revision = host.0.state.commit_for(change.clone(), job.committed_record()).await?;
            job.has_committed();
            revision
        }
        _ => host.0.state.commit(vec![change.clone()]).await?.first().copied().unwrap_or_default(),
    };
    host.0.metrics.revisions.inc();
    host_fail::point("run.committed");
    host.publish_change(job.id(), &change, before.as_ref().map(|(desired, _)| desired), revision);
    host.keep_record(lease.plugin.id.clone(), revision, desired).await;
    host_fail::point("run.recorded");
    host.updates_may_differ();
    Ok((revision, gate))
}
