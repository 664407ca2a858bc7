//! Opens, starts and probes a new generation, before it is swapped in.

use std::sync::Arc;
use std::time::Duration;

use host_call::{Generation, Phase};
use host_core::health::Probe;
use host_load::Hook;

use crate::model::{Error, Setup};
use crate::operation::lease::PluginLease;
use crate::operation::work::Work;
use crate::state::Host;
use crate::upkeep;

/// A started generation that does not serve yet. It is stopped when it is dropped.
pub(super) struct Started {
    generation: Option<Arc<Generation>>,
    host: Host,
}

impl Started {
    /// The generation, for the caller that lets it serve.
    pub(super) fn take(mut self) -> Arc<Generation> {
        self.generation.take().expect("it is only taken here, and `self` is gone then")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let Some(generation) = self.generation.take() else { return };
        let timeout = self.host.config().stop_timeout;
        self.host.0.tasks.spawn(async move {
            let _ = generation.instance.stop(timeout).await;
            generation.services.close();
        });
    }
}

impl Work<'_> {
    /// Opens the library, starts the plugin and probes it.
    pub(super) async fn start(&mut self, lease: &PluginLease, setup: &Setup) -> Result<Started, Error> {
        let _working = lease.plugin.working(Phase::Loading);
        let module = self.open(setup).await?;
        // A started generation must be stopped in order, or serve.
        let _shield = self.job.shield_from_cancel();
        let seen = lease.plugin.log.n_lines();
        let generation = self.launch(lease, setup, module).await.inspect_err(|_| self.copy_log(lease, seen))?;
        let started = Started { generation: Some(generation.clone()), host: self.host.clone() };
        if let Err(error) = self.settle(lease, &generation).await {
            let generation = started.take();
            let _ = generation.instance.stop(self.host.config().stop_timeout).await;
            generation.services.close();
            self.copy_log(lease, seen);
            return Err(setup.mask_error(error));
        }
        Ok(started)
    }

    /// Copies the lines that the plugin has logged since the line `from` to the log of the job: a plugin that failed
    /// its first start has no log of its own.
    fn copy_log(&self, lease: &PluginLease, from: u64) {
        for line in lease.plugin.log.since(from).iter().filter(|line| line.generation.is_some()) {
            self.job.line(&format!("plugin {}: {}", line.level, line.message));
        }
    }

    /// Runs the `install` or `upgrade` hook of a started generation and its first probe.
    async fn settle(&mut self, lease: &PluginLease, generation: &Arc<Generation>) -> Result<(), Error> {
        let version = generation.manifest.version.to_string();
        let hook = match self.host.0.state.installed_version(&lease.plugin.id).await? {
            None => Some(Hook::Install),
            Some(from) if from != version => Some(Hook::Upgrade { from }),
            Some(_) => None,
        };
        let is_new = hook.is_some();
        if let Some(hook) = hook.filter(|hook| generation.instance.has(hook)) {
            self.step(hook.name());
            let ran = generation.instance.run_hook(&hook, self.host.config().start_timeout).await;
            ran.map_err(|error| Error::Hook { hook: hook.name(), reason: error.to_string() })?;
            host_fail::point("run.hook_ran");
        }
        if generation.manifest.health.enabled {
            self.step("probe");
            let probe = upkeep::probe(generation).await;
            host_fail::point("run.probed");
            generation.health.record_probe(&probe);
            if let Some(reason) = probe.problem().filter(|_| probe != Probe::Passed) {
                return Err(Error::Unhealthy { reason });
            }
        }
        self.job.check_not_cancelled()?;
        if is_new {
            // From here on the version counts as installed: a host that resumes after a kill does not run the hook
            // again.
            self.host.0.state.note_installed(&lease.plugin.id, &version).await?;
            host_fail::point("run.noted_installed");
        }
        Ok(())
    }
}

/// The drain timeout of a generation that never served.
pub(super) const NO_DRAIN: Duration = Duration::ZERO;
