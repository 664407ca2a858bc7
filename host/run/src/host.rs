//! The handle that all surfaces use.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use host_build::Builder;
use host_call::Roster;
use host_core::PluginId;
use host_core::event::EventKind;
use host_core::health::Health;
use host_load::Hook;
use host_services::{HostServices, Parts};
use host_state::{Sealer, State};
use host_store::Store;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cache::Cleaning;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::error::Error;
use crate::events::Events;
use crate::jobs::Jobs;
use crate::lent::Lent;
use crate::metrics::{self, FrontMetrics, MetricFamily, Metrics, Now, PluginNow};
use crate::operation;
use crate::planning::Plans;
use crate::plugin::{Plugin, PluginView};
use crate::reconcile::Reconcile;
use crate::replaceable::Replaceable;
use crate::retire;
use crate::updates::Poller;
use crate::validate::MAX_LOOKS;
use host_call::Admitted;
use host_call::Generation;
use host_call::SpanSink;
use host_call::Trace;
use host_call::{LogLine, now_unix_ms};

/// How long a plugin may take to bring its metrics up to date before they are read.
const METRICS_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a measure of what lies on disk holds.
const DISK_INTERVAL: Duration = Duration::from_secs(60);

/// The host. Cheap to clone.
#[derive(Clone)]
pub struct Host(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: Replaceable<Config>,
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
    numbers: DashMap<PluginId, u64>,
    pub(crate) jobs: Jobs,
    /// Seals the secrets that lie in the state.
    pub(crate) sealer: Sealer,
    /// Held while a change of what is asked for is compared with the other plugins and written.
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
    started: Instant,
    started_unix_seconds: f64,
    /// When it was measured last how much lies on disk.
    disk_measured: Mutex<Option<Instant>>,
    unloading: OnceLock<Result<(), String>>,
}

/// The host in numbers. All measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Overview {
    /// Installed plugins.
    pub plugins: usize,
    /// Of those, healthy ones.
    pub healthy: usize,
    /// Degraded ones.
    pub degraded: usize,
    /// Unhealthy ones.
    pub unhealthy: usize,
    /// Those that are not probed or do not serve.
    pub unknown: usize,
    /// Routes that are served.
    pub routes: usize,
    /// Requests answered by the installed plugins.
    pub requests: u64,
    /// Those with a status of 500 or more.
    pub errors: u64,
    /// Libraries of plugins that are mapped.
    pub mapped: usize,
    /// Of those, the ones that ended generations keep.
    pub kept: usize,
    /// Builds that were asked for.
    pub builds: u64,
    /// Builds that were answered from the cache.
    pub cache_hits: u64,
    /// Time since the host started.
    pub uptime: Duration,
}

impl Host {
    /// A host over a store, its state and a builder, with nothing installed. Begins to write events, so it is to be made on
    /// a runtime.
    ///
    /// # Errors
    /// [`Error::Store`] when the key for secrets can't be read or made, [`Error::State`] when the system has no randomness.
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
            let services = HostServices::new(Parts {
                kv: state.kv(config.kv),
                secrets: config.secrets.clone(),
                fetch: config.plugin_fetch.clone(),
                log: Arc::new(Lent(host.clone())),
            });
            services.set_calls(Arc::new(Lent(host.clone())));
            Inner {
                config: Replaceable::new(config),
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

    /// Runs plugins in another way from now on. What was used when the host was made stays: the limits of the key-value store, how it fetches for
    /// plugins, secrets, the journal's length, what its file sets for plugins, and where libraries are tried.
    ///
    /// # Errors
    /// [`Error::ChangedTooOften`].
    pub fn set_config(&self, config: Config) -> Result<(), Error> {
        self.0.builder.use_cache(config.cache_enabled);
        let replaced = self.0.config.replace(|before| Config {
            kv: before.kv,
            plugin_fetch: before.plugin_fetch.clone(),
            secrets: before.secrets.clone(),
            max_events: before.max_events,
            configurations: before.configurations.clone(),
            trial: before.trial.clone(),
            ..config
        });
        replaced.map_err(|_| Error::ChangedTooOften)
    }

    /// All installed plugins, by id.
    pub fn plugins(&self) -> Vec<PluginView> {
        let mut all: Vec<_> = self.0.plugins.iter().map(|entry| entry.value().clone()).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all.iter().map(|plugin| plugin.view()).collect()
    }

    /// The plugin of that id.
    pub fn plugin(&self, id: &str) -> Option<PluginView> {
        let plugin = self.0.plugins.get(id)?.value().clone();
        Some(plugin.view())
    }

    /// The last log lines of a plugin, numbered `from` and later.
    pub fn plugin_lines(&self, id: &str, from: u64) -> Option<Vec<LogLine>> {
        let plugin = self.0.plugins.get(id)?.value().clone();
        Some(plugin.lines(from))
    }

    /// A folder to receive an upload in; removed when it is dropped.
    ///
    /// # Errors
    /// The data folder could not be written.
    pub fn upload_folder(&self) -> Result<host_store::TempDir, Error> {
        Ok(self.0.store.temp_dir()?)
    }

    /// Checks an archive and keeps its tree for [`Operation::Install`](crate::Operation::Install). Blocks.
    ///
    /// # Errors
    /// [`UploadError`]; nothing is kept then.
    pub fn upload(&self, archive: &std::path::Path) -> Result<Upload, UploadError> {
        if let Err(error) = self.0.store.sweep_uploads(self.0.config.upload_lifetime) {
            tracing::warn!("failed to remove expired uploads: {error}");
        }
        let tree = host_fetch::unpack(&self.0.store, &self.0.config.fetch.archive, archive)
            .map_err(|error| UploadError::Refused(error.into()))?;
        let checked = operation::check(&self.0.config, &tree).map_err(UploadError::Invalid)?;
        let id = self.0.store.put_upload(&tree).map_err(|error| UploadError::Refused(error.into()))?;
        Ok(Upload { id, manifest: checked.manifest })
    }

    /// The host in numbers.
    pub fn overview(&self) -> Overview {
        let plugins = self.plugins();
        let count = |health: Health| plugins.iter().filter(|plugin| plugin.health.health == health).count();
        let counters = self.0.builder.counters();
        Overview {
            plugins: plugins.len(),
            healthy: count(Health::Healthy),
            degraded: count(Health::Degraded),
            unhealthy: count(Health::Unhealthy),
            unknown: count(Health::Unknown),
            routes: self.0.roster.all().iter().map(|generation| generation.manifest.endpoints.len()).sum(),
            requests: plugins.iter().map(|plugin| plugin.requests).sum(),
            errors: plugins.iter().map(|plugin| plugin.errors).sum(),
            mapped: host_load::mapped_libraries(),
            kept: host_load::kept_libraries().len(),
            builds: counters.builds,
            cache_hits: counters.cache_hits,
            uptime: self.0.started.elapsed(),
        }
    }

    /// All metrics in Prometheus text form. Plugins that have a `metrics` hook are asked first.
    pub async fn metrics(&self) -> String {
        metrics::text(&self.gather().await)
    }

    /// The same as values, ordered by name.
    pub async fn metric_families(&self) -> Vec<MetricFamily> {
        let mut families: Vec<_> = self.gather().await.iter().map(MetricFamily::of).collect();
        families.sort_by(|a, b| a.name.cmp(&b.name));
        families
    }

    /// What is counted of the HTTP front, which counts it itself.
    pub fn front_metrics(&self) -> &FrontMetrics {
        &self.0.metrics.front
    }

    async fn gather(&self) -> Vec<prometheus::proto::MetricFamily> {
        self.measure_disk();
        let serving = self.0.roster.all().into_iter();
        let asked = serving.filter(|generation| generation.instance.has(&Hook::Metrics)).map(|generation| async move {
            // Counted like a call, so that the stop hook does not run beside it.
            if let Some(counted) = Admitted::to_open(&generation) {
                counted.generation().run_hook(&Hook::Metrics, METRICS_TIMEOUT).await;
            }
        });
        let asked = asked.collect::<Vec<_>>();
        futures_util::future::join_all(asked).await;
        let plugins = self.plugins();
        let mut families = self.0.metrics.gather(&Now {
            mapped: host_load::mapped_libraries(),
            kept: host_load::kept_libraries().len(),
            unloading: self.unloading().is_ok(),
            uptime: self.0.started.elapsed(),
            started_unix_seconds: self.0.started_unix_seconds,
            jobs: self.0.jobs.count(),
            builds: self.0.builder.counters(),
            plugins: plugins
                .iter()
                .map(|plugin| {
                    let in_flight = plugin.generations.iter().map(|generation| generation.in_flight).sum();
                    let generation = plugin.generation.unwrap_or(0);
                    let serving = plugin.generations.iter().find(|view| view.number == generation);
                    let live_bytes = serving.and_then(|view| view.live_bytes);
                    let circuit_open = plugin.circuit_is_open;
                    let quarantined = plugin.desired.as_ref().is_some_and(|desired| desired.quarantine.is_some());
                    let id = plugin.id.to_string();
                    let (phase, health) = (plugin.phase.as_str(), plugin.health.health.as_str());
                    PluginNow { id, phase, health, generation, in_flight, live_bytes, circuit_open, quarantined }
                })
                .collect(),
        });
        families.extend(self.0.services.metrics().gather());
        families
    }

    /// Measures what lies on disk, in the background and rarely: there may be many files.
    fn measure_disk(&self) {
        let mut measured = self.0.disk_measured.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_stopping() || measured.is_some_and(|at| at.elapsed() < DISK_INTERVAL) {
            return;
        }
        *measured = Some(Instant::now());
        let host = self.clone();
        drop(tokio::task::spawn_blocking(move || match host.usage() {
            Ok(usage) => host.0.metrics.on_disk(&usage),
            Err(error) => tracing::warn!("failed to measure the disk usage: {error}"),
        }));
    }

    /// Whether ended generations are unmapped in this process; else why not.
    ///
    /// # Errors
    /// One sentence that says why.
    pub fn unloading(&self) -> Result<(), String> {
        self.0.unloading.get_or_init(|| host_load::unloading(&self.0.store)).clone()
    }

    /// The size of what is on disk. Blocks while it counts.
    ///
    /// # Errors
    /// A data folder could not be read.
    pub fn usage(&self) -> Result<host_store::Usage, Error> {
        Ok(self.0.store.usage()?)
    }

    /// Compiles the SDK in the background, so that the first plugin need not wait for it.
    pub fn warm(&self) {
        let (builder, stopping) = (self.0.builder.clone(), self.0.stopping.clone());
        self.0.tasks.spawn(async move {
            let started = Instant::now();
            let lines = |line: &str| tracing::debug!(target: "build", "{line}");
            let warmed = tokio::select! {
                warmed = builder.warm(&lines) => warmed,
                () = stopping.cancelled() => return,
            };
            match warmed {
                Ok(()) => {
                    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                    tracing::info!(duration_ms, "the SDK is compiled: builds of plugins start warm");
                }
                Err(error) => tracing::warn!("failed to compile the SDK in advance: {error}"),
            }
        });
    }

    /// The trace of a request with these headers, with the span that the host gives it. A trace that begins here is recorded
    /// when spans are.
    pub fn trace_of(&self, headers: &http::HeaderMap) -> Trace {
        Trace::from_headers(headers, self.0.config.spans.is_some())
    }

    /// Where the spans of requests go, if they go anywhere.
    pub fn spans(&self) -> Option<&SpanSink> {
        self.0.config.spans.as_ref()
    }

    /// Whether [`Host::shutdown`] has begun.
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.is_cancelled()
    }

    /// Notes that what is loaded at the start has ended, well or not.
    pub fn note_ready(&self) {
        let (serving, took) = (self.0.roster.len() as u64, self.0.started.elapsed());
        self.0.events.publish(None, None, EventKind::HostReady { serving, took });
    }

    /// Notes that the configuration was read again: the keys in force and those that need a restart, or all that is wrong.
    pub fn note_configuration(&self, read: Result<(Vec<String>, Vec<String>), Vec<String>>) {
        let texts = |texts: Vec<String>| texts.into_iter().map(Into::into).collect();
        self.0.events.publish(
            None,
            None,
            match read {
                Ok((changed, after_restart)) => {
                    EventKind::HostReconfigured { changed: texts(changed), after_restart: texts(after_restart) }
                }
                Err(reasons) => EventKind::HostReconfigurationRefused { reasons: texts(reasons) },
            },
        );
    }

    /// Ends operations, builds among them. What serves goes on serving.
    pub fn begin_shutdown(&self) {
        if !self.is_stopping() {
            self.0.events.publish(None, None, EventKind::HostStopping);
        }
        self.0.stopping.cancel();
    }

    /// Ends operations, builds among them, and then every generation: drained, at most `grace`, and stopped.
    pub async fn shutdown(&self, grace: Duration) {
        self.begin_shutdown();
        for serving in self.0.roster.all() {
            if let Some(generation) = self.0.roster.remove(&serving.id) {
                self.retire(generation, grace);
            }
        }
        self.0.tasks.close();
        if tokio::time::timeout(grace + self.0.config.stop_timeout, self.0.tasks.wait()).await.is_err() {
            tracing::warn!("some work did not end within the grace period");
        }
        self.write_ended_jobs().await;
        self.0.events.close().await;
        self.0.state.close().await;
    }

    /// Takes away all that is kept in memory of a plugin of which nothing is on disk.
    pub(crate) fn forget(&self, id: &PluginId) {
        if let Some((_, plugin)) = self.0.plugins.remove(id) {
            plugin.log.end();
        }
        self.0.metrics.forget(id.as_str());
        self.0.services.metrics().forget(id);
    }

    /// The number of the next generation of `id`.
    pub(crate) fn next_number(&self, id: &PluginId) -> u64 {
        let mut number = self.0.numbers.entry(id.clone()).or_insert(0);
        *number += 1;
        *number
    }

    /// Ends a generation that was taken out of the roster, in the background.
    pub(crate) fn retire(&self, generation: Arc<Generation>, drain_timeout: Duration) {
        drop(self.retire_with(generation, drain_timeout, None));
    }

    /// The same, with a hook that runs before the stop hook. What is returned ends with the generation.
    pub(crate) fn retire_with(
        &self,
        generation: Arc<Generation>,
        drain_timeout: Duration,
        last: Option<Hook>,
    ) -> JoinHandle<()> {
        retire::begin(&generation);
        let host = self.clone();
        self.0.tasks.spawn(async move {
            retire::retire(&generation, drain_timeout, host.0.config.stop_timeout, last).await;
            let (id, life, log) = (generation.id.clone(), generation.life.clone(), generation.log().clone());
            if let Some(plugin) = host.0.plugins.get(&id).map(|entry| entry.value().clone()) {
                plugin.state().end(&generation);
            }
            // The library goes with the last that holds it: nothing below does. A host that stops does not wait for it.
            drop(generation);
            let (tasks, stopping) = (host.0.tasks.clone(), host.0.stopping.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = retire::follow(&host, &id, &life, &log) => {}
                    () = stopping.cancelled() => {}
                }
            });
        })
    }
}

/// An upload that is kept for a while.
#[derive(Clone, Debug)]
pub struct Upload {
    /// To be installed under this id.
    pub id: String,
    /// What its plugin.yaml says.
    pub manifest: host_core::Manifest,
}

/// Why an upload is not kept.
#[derive(Debug)]
pub enum UploadError {
    /// The archive breaks a rule, or could not be stored.
    Refused(Error),
    /// The archive is fine, its plugin.yaml is not.
    Invalid(Error),
}
