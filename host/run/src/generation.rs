//! One started module with one configuration. It never changes; a reload makes the next one.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use host_core::health::Health;
use host_core::manifest::Endpoint;
use host_core::{Digest, Manifest, PluginId};
use host_load::{Hook, Instance, LibraryPhase, Watch};
use host_services::PluginServices;
use prometheus::IntCounter;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::body::Streams;
use crate::events::Events;
use crate::health::{HealthReport, HealthState};
use crate::log_lines::LogLines;
use crate::metrics::{EndpointMetrics, PluginCounters};
use crate::routes::Routes;
use crate::rules::EndpointRules;
use crate::spans::SpanSink;

/// The longest time between two probes of a version that just began to serve.
const PROBATION_INTERVAL: Duration = Duration::from_secs(5);

/// One started module with one configuration.
pub struct Generation {
    pub(crate) id: PluginId,
    pub(crate) number: u64,
    /// The digest of its artifact.
    pub(crate) artifact: Digest,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) instance: Arc<Instance>,
    pub(crate) services: Arc<PluginServices>,
    pub(crate) routes: Routes,
    pub(crate) endpoints: Vec<EndpointState>,
    pub(crate) panics: IntCounter,
    pub(crate) counters: PluginCounters,
    pub(crate) spans: Option<SpanSink>,
    pub(crate) health: HealthState,
    pub(crate) started: Instant,
    pub(crate) in_flight: InFlight,
    /// Ends the calls that are left when the drain's deadline has passed.
    pub(crate) cut: CancellationToken,
    pub(crate) streams: Streams,
    /// Ends the health probes when the generation stops serving.
    pub(crate) replaced: CancellationToken,
    pub(crate) life: Arc<Life>,
    pub(crate) events: Events,
    log: Arc<LogLines>,
    /// The digest of what it works with.
    setup: Mutex<Digest>,
    /// When it is judged no more, if it is judged at all.
    probation_ends: OnceLock<Instant>,
}

/// What is known of a generation, and goes on being known when it has ended. Holds nothing of the plugin.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) number: u64,
    pub(crate) version: String,
    /// Its library.
    pub(crate) watch: Watch,
    /// Requests that its endpoints were asked.
    pub(crate) requests: AtomicU64,
    /// Those with a status of 500 or more.
    pub(crate) errors: AtomicU64,
    phase: AtomicU8,
    /// When it was taken out of the roster.
    replaced: OnceLock<Instant>,
}

/// What a call needs to know of its endpoint.
pub(crate) struct EndpointState {
    /// The handler's index in the code.
    pub(crate) handler: u32,
    pub(crate) metrics: EndpointMetrics,
    /// What plugin.yaml asks of requests; `None` when nothing.
    pub(crate) rules: Option<EndpointRules>,
}

/// Where a generation is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum GenerationPhase {
    /// Takes calls.
    Running,
    /// Takes no new calls; some are in flight.
    Draining,
    /// Its stop hook runs.
    Stopping,
    /// Ended. Its library waits until nothing of it is left.
    Quiescing,
    /// Ended. Something of its library is left and keeps it in memory.
    Kept,
    /// Ended, and gone from memory.
    Unmapped,
}

/// What a generation is made of.
pub(crate) struct Parts {
    pub(crate) id: PluginId,
    pub(crate) number: u64,
    /// The digest of its artifact.
    pub(crate) artifact: Digest,
    /// The digest of what it is started with.
    pub(crate) setup: Digest,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) instance: Arc<Instance>,
    pub(crate) services: Arc<PluginServices>,
    pub(crate) endpoints: Vec<EndpointState>,
    pub(crate) panics: IntCounter,
    pub(crate) counters: PluginCounters,
    pub(crate) spans: Option<SpanSink>,
    pub(crate) events: Events,
    pub(crate) log: Arc<LogLines>,
}

impl Generation {
    pub(crate) fn new(parts: Parts) -> Generation {
        let Parts { id, number, artifact, setup, manifest, instance, services, endpoints, .. } = parts;
        let Parts { panics, counters, spans, events, log, .. } = parts;
        Generation {
            routes: Routes::new(&manifest),
            life: Arc::new(Life {
                number,
                version: manifest.version.to_string(),
                watch: instance.watch(),
                requests: AtomicU64::new(0),
                errors: AtomicU64::new(0),
                phase: AtomicU8::new(GenerationPhase::Running as u8),
                replaced: OnceLock::new(),
            }),
            health: HealthState::of(&id, number, manifest.health.failure_threshold, events.clone()),
            id,
            number,
            artifact,
            manifest,
            instance,
            services,
            endpoints,
            panics,
            counters,
            spans,
            events,
            log,
            started: Instant::now(),
            in_flight: InFlight::default(),
            cut: CancellationToken::new(),
            streams: Streams::default(),
            replaced: CancellationToken::new(),
            setup: Mutex::new(setup),
            probation_ends: OnceLock::new(),
        }
    }

    /// The digest of what it works with: what it was started with, or a configuration that it has taken over since.
    pub(crate) fn setup(&self) -> Digest {
        *self.setup.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has taken over a configuration.
    pub(crate) fn is_now_set_up(&self, setup: Digest) {
        *self.setup.lock().unwrap_or_else(PoisonError::into_inner) = setup;
    }

    /// Judges it for a while: it replaced another version.
    pub(crate) fn begin_probation(&self, window: Duration) {
        let _ = self.probation_ends.set(self.started + window);
    }

    /// Whether it replaced another version and may still be taken back.
    pub(crate) fn is_on_probation(&self) -> bool {
        self.probation_ends.get().is_some_and(|ends| Instant::now() < *ends)
    }

    /// How long to wait between two probes: a new version is watched closely.
    pub(crate) fn probe_interval(&self) -> Duration {
        let interval = self.manifest.health.interval;
        if self.is_on_probation() { interval.min(PROBATION_INTERVAL) } else { interval }
    }

    /// What its probes say.
    pub(crate) fn health_report(&self) -> HealthReport {
        self.health.report(self.manifest.health.failure_threshold)
    }

    /// Whether its probes say that it does not work.
    pub(crate) fn is_unhealthy(&self) -> bool {
        self.health_report().health == Health::Unhealthy
    }

    /// Counts up from 1 within a plugin.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The plugin.
    pub fn id(&self) -> &PluginId {
        &self.id
    }

    /// The manifest it was started with.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What is asked of requests to its endpoint of the same method and path.
    pub(crate) fn rules_of(&self, endpoint: &Endpoint) -> Option<&EndpointRules> {
        let is_same = |other: &Endpoint| other.method == endpoint.method && other.path == endpoint.path;
        let place = self.manifest.endpoints.iter().position(is_same)?;
        self.endpoints[place].rules.as_ref()
    }

    /// Where it is in its life.
    pub fn phase(&self) -> GenerationPhase {
        self.life.phase()
    }

    /// Runs a hook that can't refuse anything any more: what goes wrong is logged.
    pub(crate) async fn run_hook(&self, hook: &Hook, timeout: Duration) {
        if let Err(error) = self.instance.run_hook(hook, timeout).await {
            let (id, name) = (&self.id, hook.name());
            tracing::warn!(plugin.id = %id, generation = self.number, "the {name} hook of `{id}` failed: {error}");
            self.note("warn", &format!("{name}: {error}"));
        }
    }

    /// Writes a line to the plugin's log.
    pub(crate) fn note(&self, level: &'static str, message: &str) {
        self.log.push(level, Some(self.number), message);
    }

    pub(crate) fn enter(&self, phase: GenerationPhase) {
        self.life.phase.store(phase as u8, Ordering::Release);
    }

    pub(crate) fn log(&self) -> &Arc<LogLines> {
        &self.log
    }
}

impl Life {
    /// Where it is in its life.
    pub(crate) fn phase(&self) -> GenerationPhase {
        match self.phase.load(Ordering::Acquire) {
            0 => GenerationPhase::Running,
            1 => GenerationPhase::Draining,
            2 => GenerationPhase::Stopping,
            _ => match self.watch.phase() {
                LibraryPhase::InUse | LibraryPhase::Quiescing => GenerationPhase::Quiescing,
                LibraryPhase::Kept => GenerationPhase::Kept,
                LibraryPhase::Unmapped => GenerationPhase::Unmapped,
            },
        }
    }

    /// It was taken out of the roster.
    pub(crate) fn replaced(&self) {
        self.replaced.get_or_init(Instant::now);
    }

    /// What is left of it, when it has ended.
    pub(crate) fn held_by(&self) -> Vec<String> {
        match self.phase() {
            GenerationPhase::Quiescing | GenerationPhase::Kept => self.watch.held_by(),
            _ => vec![],
        }
    }

    /// From the swap until it was gone from memory.
    pub(crate) fn unmapped_after(&self) -> Option<Duration> {
        Some(self.watch.unmapped_at()?.saturating_duration_since(*self.replaced.get()?))
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.id, self.number)
    }
}

impl GenerationPhase {
    /// The word for clients.
    pub fn as_str(self) -> &'static str {
        match self {
            GenerationPhase::Running => "running",
            GenerationPhase::Draining => "draining",
            GenerationPhase::Stopping => "stopping",
            GenerationPhase::Quiescing => "quiescing",
            GenerationPhase::Kept => "kept",
            GenerationPhase::Unmapped => "unmapped",
        }
    }
}

/// Set in the count once probes may no longer enter.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// Counts the calls and probes in flight and tells when there are none.
#[derive(Default)]
pub(crate) struct InFlight {
    count: AtomicUsize,
    none: Notify,
}

impl InFlight {
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire) & !CLOSED
    }

    /// Keeps out what does not come through the roster.
    pub(crate) fn close(&self) {
        self.count.fetch_or(CLOSED, Ordering::AcqRel);
    }

    /// Counts a probe, unless it is closed: one that is counted is waited for.
    pub(crate) fn try_enter(&self) -> bool {
        let enter = |count: usize| (count & CLOSED == 0).then_some(count + 1);
        self.count.fetch_update(Ordering::AcqRel, Ordering::Acquire, enter).is_ok()
    }

    pub(crate) fn enter(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn leave(&self) {
        if self.count.fetch_sub(1, Ordering::AcqRel) & !CLOSED == 1 {
            self.none.notify_waiters();
        }
    }

    /// Waits until no call is in flight. To be used once no new call can enter. Cancel safe.
    pub(crate) async fn none(&self) {
        loop {
            let none = self.none.notified();
            tokio::pin!(none);
            // Registered before the count is read, so that a call that leaves in between is not missed.
            none.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            none.await;
        }
    }
}
