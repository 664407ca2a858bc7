//! Removing a plugin, with or without what the host keeps for it.

use std::sync::Arc;
use std::time::Duration;

use host_load::Hook;
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::generation::Generation;
use crate::operation::Receipt;
use crate::operation::turn::Held;
use crate::operation::work::Work;
use crate::plugin::Installed;

impl Work<'_> {
    /// Takes a plugin away. When its data goes with it, this waits until its last call has ended and its `uninstall` hook
    /// has run, so that nothing is removed under them; else calls in flight end by themselves.
    pub(super) async fn unload(&mut self, id: &str, keep_data: bool) -> Result<Receipt, Error> {
        let held = Held::installed_plugin(self.host, id).await?;
        let installed = held.installed()?;
        let hook = Hook::Uninstall { keep_data };
        let _uncut = self.job.uncut();
        self.step("swap");
        let serving = self.host.0.roster.remove(&held.plugin.id).map(|(_, generation)| generation);
        let before = serving.as_ref().map(|generation| generation.number);
        let ended = match serving {
            Some(generation) => {
                let waits = generation.instance.has(&hook) || !keep_data && installed.may_have_data();
                let drain_timeout = self.host.0.config.drain_timeout;
                let ended = self.host.retire_with(generation, drain_timeout, Some(hook));
                waits.then_some(ended)
            }
            None => self.end_unserved(&held, &installed, hook).await,
        };
        if let Some(ended) = ended {
            self.step("drain");
            // A task that panicked has ended as well.
            let _ = ended.await;
        }
        if !keep_data {
            self.step("remove data");
            let removed = self.host.0.services.kv().clear(&held.plugin.id).await?;
            self.job.line(&format!("{removed} keys of the key-value store were removed"));
        }
        self.host.0.state.note_removed(&held.plugin.id).await?;
        self.host.0.plugins.remove(&held.plugin.id);
        self.host.0.metrics.forget(id);
        self.host.0.services.metrics().forget(&held.plugin.id);
        Ok(self.receipt(&held, &installed, before, None))
    }

    /// Runs the `uninstall` hook of a plugin that does not serve: it is started for that, and never gets a call.
    async fn end_unserved(&mut self, held: &Held, installed: &Installed, hook: Hook) -> Option<JoinHandle<()>> {
        match self.launch_for(held, installed, &hook).await {
            Ok(None) => None,
            Ok(Some(generation)) => Some(self.host.retire_with(generation, Duration::ZERO, Some(hook))),
            Err(error) => {
                let warning = format!("the uninstall hook could not run: {}", error.chain());
                tracing::warn!(plugin.id = %held.plugin.id, "{warning}");
                self.job.line(&format!("warning: {warning}"));
                None
            }
        }
    }

    /// Starts a plugin that does not serve, if its code has `hook`.
    async fn launch_for(
        &mut self,
        held: &Held,
        installed: &Installed,
        hook: &Hook,
    ) -> Result<Option<Arc<Generation>>, Error> {
        let module = self.open(installed).await?;
        match module.has(hook) {
            true => self.launch(held, installed, module).await.map(Some),
            false => Ok(None),
        }
    }
}
