//! Whose turn it is: operations on one plugin run one after the other.

use std::sync::Arc;

use host_call::{Phase, now_unix_ms};
use host_core::PluginId;
use host_state::Damage;

use crate::jobs::Job;
use crate::model::{Error, Installed, Setup};
use crate::plugins::{LastError, Plugin};
use crate::state::{Host, Lease};

/// A plugin, lease against other operations. Cheap to clone; the turn ends with the last clone.
#[derive(Clone)]
pub(crate) struct PluginLease {
    pub(crate) plugin: Arc<Plugin>,
    _turn: Arc<Lease>,
}

/// Waits for the turn. One that only came because the host ends, and cut off who had it, is the next host's to give.
async fn lease(host: &Host, job: &Arc<Job>, id: &PluginId) -> Result<Lease, Error> {
    let turn = host.0.reconcile.lease(id, job).await?;
    match host.0.stopping.is_cancelled() {
        true => Err(Error::ShuttingDown),
        false => Ok(turn),
    }
}

impl PluginLease {
    /// Waits for the turn on an installed plugin.
    pub(crate) async fn installed_plugin(host: &Host, job: &Arc<Job>, id: &str) -> Result<PluginLease, Error> {
        let unknown = || Error::UnknownPlugin { id: id.to_owned() };
        let id = host.0.plugins.get(id).map(|entry| entry.key().clone()).ok_or_else(unknown)?;
        let turn = lease(host, job, &id).await?;
        // It may have been unloaded while this waited.
        PluginLease::new(host, &id, turn).ok_or_else(unknown)
    }

    /// The same, and adds the plugin where it is not there.
    pub(crate) async fn plugin(host: &Host, job: &Arc<Job>, id: &PluginId) -> Result<PluginLease, Error> {
        let turn = lease(host, job, id).await?;
        host.0.plugins.entry(id.clone()).or_insert_with(|| Arc::new(Plugin::new(id.clone())));
        PluginLease::new(host, id, turn).ok_or_else(|| Error::UnknownPlugin { id: id.to_string() })
    }

    /// A plugin of which the turn was given.
    pub(crate) fn new(host: &Host, id: &PluginId, turn: Lease) -> Option<PluginLease> {
        let plugin = host.0.plugins.get(id)?.value().clone();
        Some(PluginLease { plugin, _turn: Arc::new(turn) })
    }

    /// What is installed.
    pub(crate) fn installed(&self) -> Result<Installed, Error> {
        let state = self.plugin.state();
        match (&state.installed, &state.lost) {
            (Some(installed), _) => Ok(installed.clone()),
            (None, Some(Damage { number, reason, .. })) => {
                Err(host_state::Error::DamagedRevision { number: *number, reason: reason.clone() }.into())
            }
            (None, None) => Err(Error::UnknownPlugin { id: self.plugin.id.to_string() }),
        }
    }

    /// What is installed, ready to be started.
    pub(crate) fn setup(&self, host: &Host) -> Result<Setup, Error> {
        let Installed { desired, build, .. } = self.installed()?;
        match build {
            Some(build) => host.setup(desired, build),
            None => Err(Error::NoArtifact { id: self.plugin.id.clone(), artifact: desired.current.artifact }),
        }
    }

    /// The generation that serves.
    pub(crate) fn serving_number(&self) -> Option<u64> {
        self.plugin.state().serving().map(|generation| generation.number)
    }

    /// The revision that a change is made from; 0 for none.
    pub(crate) fn revision(&self) -> u64 {
        self.plugin.state().installed.as_ref().map_or(0, |installed| installed.revision)
    }

    /// Notes a failure with the plugin. One whose first load failed is not installed, so it is taken away again.
    pub(crate) fn record_failure<T>(&self, host: &Host, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result {
            self.plugin.log.push("error", None, &error.chain());
            self.plugin.state().last_error =
                Some(LastError { code: error.code(), message: error.chain(), at_unix_ms: now_unix_ms() });
            self.forget_if_new(host);
        }
        result
    }

    /// Takes a plugin away of which nothing is on disk.
    pub(crate) fn forget_if_new(&self, host: &Host) {
        if self.plugin.state().is_new() {
            host.forget(&self.plugin.id);
        }
    }
}

/// Shows what an operation does with a plugin, for as long as it lives.
pub(crate) struct Working(Arc<Plugin>);

impl Plugin {
    pub(crate) fn working(self: &Arc<Self>, phase: Phase) -> Working {
        self.state().working = Some(phase);
        Working(self.clone())
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.state().working = None;
    }
}
