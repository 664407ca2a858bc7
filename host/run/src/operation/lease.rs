//! The per-plugin lease: operations on one plugin run one at a time.

use std::sync::Arc;

use host_call::{Phase, now_unix_ms};
use host_core::{Manifest, PluginId, Source};
use host_state::Damage;

use crate::jobs::Job;
use crate::model::{Error, FirstLoad, Installed, Setup};
use crate::plugins::{CurrentOperation, LastError, Plugin};
use crate::state::{Host, Lease};

/// A plugin with its lease. Cheap to clone; the lease is returned with the last clone.
#[derive(Clone)]
pub(crate) struct PluginLease {
    pub(crate) plugin: Arc<Plugin>,
    _held: Arc<HeldLease>,
}

/// A lease, and the operation that is shown with the plugin until the lease is returned.
struct HeldLease {
    plugin: Arc<Plugin>,
    _lease: Lease,
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        self.plugin.state().operation = None;
    }
}

/// Waits for a lease. A lease that is granted only because the host stops and has cancelled its holder is refused.
async fn lease(host: &Host, job: &Arc<Job>, id: &PluginId) -> Result<Lease, Error> {
    let lease = host.0.reconcile.lease(id, job).await?;
    if host.is_stopping() { Err(Error::ShuttingDown) } else { Ok(lease) }
}

impl PluginLease {
    /// Leases an installed plugin.
    pub(crate) async fn installed_plugin(host: &Host, job: &Arc<Job>, id: &str) -> Result<PluginLease, Error> {
        let unknown = || Error::UnknownPlugin { id: id.to_owned() };
        let id = host.0.plugins.get(id).map(|entry| entry.key().clone()).ok_or_else(unknown)?;
        let lease = lease(host, job, &id).await?;
        // The plugin may have been unloaded during the wait.
        PluginLease::new(host, job, &id, lease).ok_or_else(unknown)
    }

    /// Leases a plugin, and adds it if it is not installed.
    pub(crate) async fn plugin(host: &Host, job: &Arc<Job>, id: &PluginId) -> Result<PluginLease, Error> {
        let lease = lease(host, job, id).await?;
        host.0.plugins.entry(id.clone()).or_insert_with(|| Arc::new(Plugin::new(id.clone())));
        PluginLease::new(host, job, id, lease).ok_or_else(|| Error::UnknownPlugin { id: id.to_string() })
    }

    /// A plugin with a lease that was granted to a job.
    pub(crate) fn new(host: &Host, job: &Job, id: &PluginId, lease: Lease) -> Option<PluginLease> {
        let plugin = host.0.plugins.get(id)?.value().clone();
        plugin.state().operation = job.is_listed().then(|| CurrentOperation {
            job: job.id().to_owned(),
            name: job.operation(),
            started_unix_ms: job.view().started_unix_ms.unwrap_or_else(now_unix_ms),
            first_load: None,
        });
        let held = HeldLease { plugin: plugin.clone(), _lease: lease };
        Some(PluginLease { plugin, _held: Arc::new(held) })
    }

    /// Shows the version that is being installed, if it is the first load of the plugin.
    pub(crate) fn show_first_load(&self, job: &Job, manifest: &Manifest, source: &Source) {
        let mut state = self.plugin.state();
        if !state.is_new() {
            return;
        }
        let first_load = FirstLoad {
            name: manifest.name.clone(),
            version: manifest.version.to_string(),
            source: source.to_string(),
        };
        job.set_first_load(first_load.clone());
        if let Some(operation) = &mut state.operation {
            operation.first_load = Some(first_load);
        }
    }

    /// The installed version.
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

    /// The setup of the installed version.
    pub(crate) fn setup(&self, host: &Host) -> Result<Setup, Error> {
        let Installed { desired, build, .. } = self.installed()?;
        match build {
            Some(build) => host.setup(desired, build),
            None => Err(Error::NoArtifact { id: self.plugin.id.clone(), artifact: desired.current.artifact }),
        }
    }

    /// The number of the serving generation.
    pub(crate) fn serving_number(&self) -> Option<u64> {
        self.plugin.state().serving().map(|generation| generation.number)
    }

    /// The revision that a change is made from; 0 for none.
    pub(crate) fn revision(&self) -> u64 {
        self.plugin.state().installed.as_ref().map_or(0, |installed| installed.revision)
    }

    /// Records a failure with the plugin. A plugin that failed its first load is not installed, so it is removed.
    pub(crate) fn record_failure<T>(&self, host: &Host, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result {
            self.plugin.log.push("error", None, &error.chain());
            self.plugin.state().last_error =
                Some(LastError { code: error.code(), message: error.chain(), at_unix_ms: now_unix_ms() });
            self.forget_if_new(host);
        }
        result
    }

    /// Removes a plugin that has nothing on disk.
    pub(crate) fn forget_if_new(&self, host: &Host) {
        if self.plugin.state().is_new() {
            host.forget(&self.plugin.id);
        }
    }
}

/// Shows the phase of an operation in the state of its plugin until it is dropped.
pub(crate) struct Working(Arc<Plugin>);

impl Plugin {
    pub(crate) fn working(self: &Arc<Self>, phase: Phase) -> Working {
        self.state().working = Some(phase);
        Working(self.clone())
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.working = None;
    }
}
