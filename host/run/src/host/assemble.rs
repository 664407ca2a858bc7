//! Assembly of a host from its parts.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use host_build::Builder;
use host_call::{Roster, now_unix_ms};
use host_core::event::EventKind;
use host_services::{HostServices, ServiceParts};
use host_state::{Sealer, State};
use host_store::Store;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::events::Events;
use crate::host::plugin_services::HostLink;
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::model::{Config, Error};
use crate::state::{Catalog, Cleaning, FailedLoads, Host, Inner, Plans, Reconcile};

/// The number of sources that may be validated at once.
const MAX_LOOKS: usize = 4;

impl Host {
    /// A host over a store, its state and a builder, without plugins. Starts to write events, so it must be made on a
    /// runtime.
    ///
    /// # Errors
    /// [`Error::Store`] if the key for secrets cannot be read or made; [`Error::State`] if the random number generator
    /// of the system fails.
    pub fn new(config: Config, store: Store, state: State, builder: Builder) -> Result<Host, Error> {
        let random = |error: getrandom::Error| host_state::Error::Random { reason: error.to_string() };
        let jobs = Jobs::new(getrandom::u32().map_err(random)?);
        builder.use_cache(config.cache_enabled);
        let sealer = Sealer::new(store.seal_key()?);
        let metrics = Metrics::new();
        let events = Events::new(state.clone(), config.max_events, metrics.events.clone());
        events.start();
        events.publish(None, None, EventKind::HostStarted { version: config.host_version.to_string().into() });
        Ok(Host(Arc::new_cyclic(|host| {
            let services = HostServices::new(ServiceParts {
                kv: state.kv(config.kv),
                secrets: config.secrets.clone(),
                fetch: config.plugin_fetch.clone(),
                log: Arc::new(HostLink(host.clone())),
            });
            services.set_calls(Arc::new(HostLink(host.clone())));
            Inner {
                config: ArcSwap::from_pointee(config),
                store,
                builder,
                metrics,
                state,
                events,
                services,
                roster: Roster::default(),
                plugins: DashMap::new(),
                numbers: DashMap::new(),
                jobs,
                failed_loads: FailedLoads::default(),
                sealer,
                gate: Arc::default(),
                updates: OnceLock::new(),
                plans: Plans::default(),
                catalog: Catalog::default(),
                cleaning: Cleaning::default(),
                looks: Semaphore::new(MAX_LOOKS),
                reconcile: Reconcile::new(),
                tasks: TaskTracker::new(),
                stopping: CancellationToken::new(),
                started: Instant::now(),
                started_unix_seconds: now_unix_ms() as f64 / 1e3,
                disk_measured: Mutex::default(),
                unloading: OnceLock::new(),
            }
        })))
    }

    /// Replaces the configuration. These parts keep their first values: the limits of the key-value store, fetches of
    /// plugins, secrets, the length of the journal, the settings of the host's configuration file, the trial, and the
    /// crashes.
    pub fn set_config(&self, config: Config) {
        self.0.builder.use_cache(config.cache_enabled);
        self.0.config.rcu(|before| Config {
            kv: before.kv,
            plugin_fetch: before.plugin_fetch.clone(),
            secrets: before.secrets.clone(),
            max_events: before.max_events,
            configurations: before.configurations.clone(),
            trial: before.trial.clone(),
            crash_log: before.crash_log.clone(),
            ..config.clone()
        });
    }
}
