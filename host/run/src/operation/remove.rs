//! Removing a plugin, with or without its data.

use host_core::{Desired, Goal};
use host_load::Hook;
use tokio::task::JoinHandle;

use crate::model::{Error, Receipt, Setup};
use crate::operation::graph_check::GraphCheck;
use crate::operation::lease::PluginLease;
use crate::operation::start::NO_DRAIN;
use crate::operation::swap::commit;
use crate::operation::work::Work;
use crate::state::FailedLoad;

impl Work<'_> {
    /// Unloads a plugin. If its data is removed as well, waits until its last call has ended and its `uninstall` hook
    /// has run; otherwise the calls in flight end in the background.
    pub(super) async fn unload(&mut self, id: &str, keep_data: bool, cascade: bool) -> Result<Receipt, Error> {
        let mut first = vec![];
        if cascade {
            for dependant in self.dependants(id, false) {
                self.unload_one(dependant.as_str(), keep_data).await?;
                first.push(format!("`{dependant}` was unloaded first, because it depends on `{id}`"));
            }
        }
        let mut receipt = self.unload_one(id, keep_data).await?;
        receipt.warnings.extend(first);
        Ok(receipt)
    }

    async fn unload_one(&mut self, id: &str, keep_data: bool) -> Result<Receipt, Error> {
        if let Some(failed) = self.host.dismiss_failed_load(id).await {
            return Ok(self.dismissed(failed));
        }
        let lease = PluginLease::installed_plugin(self.host, self.job, id).await?;
        let desired = Desired { goal: Goal::Absent { keep_data }, ..lease.installed()?.desired };
        // Once committed, the removal is completed, also after a restart of the host.
        self.commit_desired(&lease, desired, GraphCheck::RemoveAllowed, None).await?;
        self.remove(lease, keep_data).await
    }

    /// The receipt of a failed first load that is no longer listed. Nothing was installed, and kept data stays.
    fn dismissed(&mut self, failed: FailedLoad) -> Receipt {
        Receipt {
            id: Some(failed.id),
            version: failed.first_load.version,
            source: failed.first_load.source,
            commit: None,
            reference: None,
            revision: 0,
            generation_before: None,
            generation: None,
            served: vec![],
            cached: None,
            states: vec![],
            warnings: vec![],
            reason: Some(format!("its first load had failed in job `{}`; nothing was installed", failed.job)),
            parts: vec![],
            steps: self.steps(),
        }
    }

    /// Performs the remaining steps of a removal. Each step may have been performed before.
    pub(super) async fn remove(&mut self, lease: PluginLease, keep_data: bool) -> Result<Receipt, Error> {
        let id = &lease.plugin.id;
        let hook = Hook::Uninstall { keep_data };
        let _shield = self.job.shield_from_cancel();
        self.step("swap");
        let serving = self.host.0.roster.remove(id);
        let before = serving.as_ref().map(|generation| generation.number);
        let setup = lease.setup(self.host).ok();
        let may_have_data = setup.as_ref().is_none_or(Setup::may_have_data);
        let ended = match (serving, &setup) {
            (Some(generation), _) => {
                let waits = generation.instance.has(&hook) || !keep_data && may_have_data;
                let drain_timeout = self.host.config().drain_timeout;
                let ended = self.host.retire_with(generation, drain_timeout, Some(hook));
                waits.then_some(ended)
            }
            (None, Some(setup)) => self.end_unserved(&lease, setup, hook).await,
            (None, None) => None,
        };
        if let Some(ended) = ended {
            self.step("drain");
            // A task that panicked has ended as well.
            let _ = ended.await;
            host_fail::point("run.drained");
        }
        if !keep_data {
            self.step("remove data");
            let removed = self.host.0.services.kv().clear(id).await?;
            self.job.line(&format!("{removed} keys of the key-value store were removed"));
            host_fail::point("run.data_removed");
        }
        self.host.0.state.note_removed(id).await?;
        host_fail::point("run.removed");
        self.step("commit");
        let receipt = self.receipt(&lease, before, None)?;
        let gone = self.change(&lease, None, None);
        let host = self.host.clone();
        let plugin = lease.clone();
        let job = self.job.clone();
        let forgotten = self.host.0.tasks.spawn(async move {
            let (_, _gate) = commit(&host, &plugin, &job, gone, GraphCheck::None).await?;
            host.forget(&plugin.plugin.id);
            Ok::<(), Error>(())
        });
        forgotten.await.unwrap_or(Err(Error::Panicked))?;
        Ok(receipt)
    }

    /// Runs the `uninstall` hook of a stopped plugin: the plugin is started for the hook, and gets no calls.
    async fn end_unserved(&mut self, lease: &PluginLease, setup: &Setup, hook: Hook) -> Option<JoinHandle<()>> {
        match self.launch_for(lease, setup, &hook).await {
            Ok(None) => None,
            Ok(Some(generation)) => Some(self.host.retire_with(generation, NO_DRAIN, Some(hook))),
            Err(error) => {
                let warning = format!("failed to run the uninstall hook: {}", error.chain());
                tracing::warn!(plugin.id = %lease.plugin.id, "{warning}");
                self.job.line(&format!("warning: {warning}"));
                None
            }
        }
    }
}
