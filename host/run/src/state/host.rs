//! The handle of the host, and the state behind it.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use host_build::Builder;
use host_call::Roster;
use host_core::PluginId;
use host_services::HostServices;
use host_state::{Sealer, State};
use host_store::Store;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::events::Events;
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::model::Config;
use crate::plugins::Plugin;
use crate::state::{Catalog, Cleaning, FailedLoads, Plans, Poller, Reconcile};

/// The host. Cheap to clone; all clones share their state.
#[derive(Clone)]
pub struct Host(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: ArcSwap<Config>,
    pub(crate) store: Store,
    pub(crate) builder: Builder,
    pub(crate) metrics: Metrics,
    pub(crate) state: State,
    pub(crate) events: Events,
    pub(crate) services: HostServices,
    /// The serving generation of each plugin.
    pub(crate) roster: Roster,
    pub(crate) plugins: DashMap<PluginId, Arc<Plugin>>,
    /// The number of each plugin's last generation; kept after an unload, so that numbers never repeat.
    pub(crate) numbers: DashMap<PluginId, u64>,
    pub(crate) jobs: Jobs,
    pub(crate) failed_loads: FailedLoads,
    /// Seals the secrets in the state database.
    pub(crate) sealer: Sealer,
    /// Serializes the dependency check and the commit of a change of the desired state.
    pub(crate) gate: Arc<tokio::sync::Mutex<()>>,
    /// The update poller.
    pub(crate) updates: OnceLock<Poller>,
    /// The plans that may be applied.
    pub(crate) plans: Plans,
    /// The cached content of the indexes.
    pub(crate) catalog: Catalog,
    /// The state of the sweeps.
    pub(crate) cleaning: Cleaning,
    /// Limits the concurrent validations of sources.
    pub(crate) looks: Semaphore,
    /// The handle of the reconcile loop.
    pub(crate) reconcile: Reconcile,
    pub(crate) tasks: TaskTracker,
    /// Cancelled when [`Host::shutdown`] starts.
    pub(crate) stopping: CancellationToken,
    pub(crate) started: Instant,
    pub(crate) started_unix_seconds: f64,
    /// The time of the last measurement of the disk usage.
    pub(crate) disk_measured: Mutex<Option<Instant>>,
    pub(crate) unloading: OnceLock<Result<(), String>>,
}

impl Host {
    /// The current configuration.
    pub(crate) fn config(&self) -> arc_swap::Guard<Arc<Config>> {
        self.0.config.load()
    }

    /// Returns whether [`Host::shutdown`] has started.
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.is_cancelled()
    }
}
