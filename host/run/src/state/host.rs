//! The handle that all surfaces use, and the state behind it.

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
use crate::state::{Catalog, Cleaning, Plans, Poller, Reconcile};

/// The host. Cheap to clone.
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
    /// Which generation of each plugin serves now.
    pub(crate) roster: Roster,
    pub(crate) plugins: DashMap<PluginId, Arc<Plugin>>,
    /// The number of each plugin's next generation; kept when a plugin is unloaded, so that numbers never repeat.
    pub(crate) numbers: DashMap<PluginId, u64>,
    pub(crate) jobs: Jobs,
    /// Seals the secrets that lie in the state.
    pub(crate) sealer: Sealer,
    /// PluginLease while a change of what is asked for is compared with the other plugins and written.
    pub(crate) gate: Arc<tokio::sync::Mutex<()>>,
    /// Looks for newer versions.
    pub(crate) updates: OnceLock<Poller>,
    /// Plans that may be applied.
    pub(crate) plans: Plans,
    /// What the indexes of plugins said.
    pub(crate) catalog: Catalog,
    /// Removes what nobody needs.
    pub(crate) cleaning: Cleaning,
    /// Those who look at sources without installing them.
    pub(crate) looks: Semaphore,
    /// Decides what is done with a plugin and when.
    pub(crate) reconcile: Reconcile,
    pub(crate) tasks: TaskTracker,
    /// Cancelled when [`Host::shutdown`] begins.
    pub(crate) stopping: CancellationToken,
    pub(crate) started: Instant,
    pub(crate) started_unix_seconds: f64,
    /// When it was measured last how much lies on disk.
    pub(crate) disk_measured: Mutex<Option<Instant>>,
    pub(crate) unloading: OnceLock<Result<(), String>>,
}

impl Host {
    /// The present configuration.
    pub(crate) fn config(&self) -> arc_swap::Guard<Arc<Config>> {
        self.0.config.load()
    }

    /// Whether [`Host::shutdown`] has begun.
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.is_cancelled()
    }
}
