//! A generation: one started module with one configuration. It changes only when the plugin accepts a new configuration
//! live; a reload creates the next generation.

mod admitted;
mod in_flight;
mod life;
mod streams;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use host_core::health::Health;
use host_core::manifest::Endpoint;
use host_core::{Digest, Manifest, PluginId};
use host_load::{Hook, Instance};
use host_services::PluginServices;
use parking_lot::Mutex;
use prometheus::IntCounter;
use tokio_util::sync::CancellationToken;

use crate::event_sink::EventSink;
use crate::health::{HealthReport, HealthState};
use crate::log_lines::LogLines;
use crate::metrics::{EndpointMetrics, PluginCounters};
use crate::polls::Polls;
use crate::routes::Routes;
use crate::rules::EndpointRules;
use crate::spans::SpanSink;

pub use admitted::Admitted;
pub use in_flight::InFlight;
pub use life::{GenerationPhase, Life};
use streams::Streams;
pub(crate) use streams::{Cancellation, LiveStream};

/// The longest time between two probes of a version on probation.
const PROBATION_INTERVAL: Duration = Duration::from_secs(5);

/// One started module with one configuration.
pub struct Generation {
    /// The plugin.
    pub id: PluginId,
    /// The number; counts up from 1 within a plugin.
    pub number: u64,
    /// The digest of the artifact.
    pub artifact: Digest,
    /// The manifest that the generation was started with.
    pub manifest: Arc<Manifest>,
    /// The started module.
    pub instance: Arc<Instance>,
    /// The host services of the generation.
    pub services: Arc<PluginServices>,
    /// The routes of the endpoints.
    pub routes: Routes,
    /// The endpoints, in the order of the manifest.
    pub endpoints: Vec<EndpointState>,
    /// Counts the panics of the plugin.
    pub panics: IntCounter,
    /// Counts refusals and probes of the plugin.
    pub counters: PluginCounters,
    /// The sink for spans; `None` if no spans are recorded.
    pub spans: Option<SpanSink>,
    /// The health, as probes and calls report it.
    pub health: HealthState,
    /// The start of the generation.
    pub started: Instant,
    /// The calls and probes in flight.
    pub in_flight: InFlight,
    /// Cancelled when the drain timeout has passed: cancels the calls that are left.
    pub cancel: CancellationToken,
    /// Cancelled when the generation is replaced: ends the health probes.
    pub replaced: CancellationToken,
    /// The part that stays available after the end of the generation.
    pub life: Arc<Life>,
    /// The sink for events of the generation.
    pub events: EventSink,
    streams: Streams,
    log: Arc<LogLines>,
    /// The digest of artifact and configuration in use.
    setup: Mutex<Digest>,
    /// The end of the probation; unset if the generation is not on probation.
    probation_ends: OnceLock<Instant>,
}

/// The state of an endpoint that a call needs.
pub struct EndpointState {
    /// The index of the handler in the plugin's code.
    pub handler: u32,
    /// The counters of the endpoint.
    pub metrics: EndpointMetrics,
    /// The record of the handler's polls.
    pub polls: Polls,
    /// The rules of plugin.yaml for requests; `None` if there are none.
    pub rules: Option<EndpointRules>,
}

/// The parts of a [`Generation`].
pub struct GenerationParts {
    /// The plugin.
    pub id: PluginId,
    /// The number.
    pub number: u64,
    /// The digest of the artifact.
    pub artifact: Digest,
    /// The digest of artifact and configuration.
    pub setup: Digest,
    /// The manifest.
    pub manifest: Arc<Manifest>,
    /// The started module.
    pub instance: Arc<Instance>,
    /// The host services.
    pub services: Arc<PluginServices>,
    /// The endpoints, in the order of the manifest.
    pub endpoints: Vec<EndpointState>,
    /// Counts the panics of the plugin.
    pub panics: IntCounter,
    /// Counts refusals and probes of the plugin.
    pub counters: PluginCounters,
    /// The sink for spans.
    pub spans: Option<SpanSink>,
    /// The sink for events.
    pub events: EventSink,
    /// The log of the plugin.
    pub log: Arc<LogLines>,
}

impl Generation {
    /// Creates the generation of a module that was just started.
    pub fn new(parts: GenerationParts) -> Generation {
        let failure_threshold = parts.manifest.health.failure_threshold;
        Generation {
            routes: Routes::new(&parts.manifest),
            life: Arc::new(Life::new(parts.number, parts.manifest.version.to_string(), parts.instance.watch())),
            health: HealthState::new(&parts.id, parts.number, failure_threshold, parts.events.clone()),
            id: parts.id,
            number: parts.number,
            artifact: parts.artifact,
            manifest: parts.manifest,
            instance: parts.instance,
            services: parts.services,
            endpoints: parts.endpoints,
            panics: parts.panics,
            counters: parts.counters,
            spans: parts.spans,
            events: parts.events,
            log: parts.log,
            started: Instant::now(),
            in_flight: InFlight::default(),
            cancel: CancellationToken::new(),
            streams: Streams::default(),
            replaced: CancellationToken::new(),
            setup: Mutex::new(parts.setup),
            probation_ends: OnceLock::new(),
        }
    }

    /// The digest of the artifact and of the configuration in use, which changes when a configuration is applied live.
    pub fn setup(&self) -> Digest {
        *self.setup.lock()
    }

    /// Records that the plugin has applied another configuration.
    pub fn set_setup(&self, setup: Digest) {
        *self.setup.lock() = setup;
    }

    /// Puts the generation on probation for `window` from its start, because it replaced another version.
    pub fn begin_probation(&self, window: Duration) {
        let _ = self.probation_ends.set(self.started + window);
    }

    /// Returns whether the generation replaced another version and may still be rolled back.
    pub fn is_on_probation(&self) -> bool {
        self.probation_ends.get().is_some_and(|ends| Instant::now() < *ends)
    }

    /// The time between two probes; a generation on probation is probed more often.
    pub fn probe_interval(&self) -> Duration {
        let interval = self.manifest.health.interval;
        if self.is_on_probation() { interval.min(PROBATION_INTERVAL) } else { interval }
    }

    /// The current health.
    pub fn health_report(&self) -> HealthReport {
        self.health.report(self.manifest.health.failure_threshold)
    }

    /// Returns whether the plugin is unhealthy according to its probes.
    pub fn is_unhealthy(&self) -> bool {
        self.health_report().health == Health::Unhealthy
    }

    /// The rules of the endpoint with the same method and path.
    pub fn rules_of(&self, endpoint: &Endpoint) -> Option<&EndpointRules> {
        let is_same = |other: &Endpoint| other.method == endpoint.method && other.path == endpoint.path;
        let place = self.manifest.endpoints.iter().position(is_same)?;
        self.endpoints[place].rules.as_ref()
    }

    /// The current phase.
    pub fn phase(&self) -> GenerationPhase {
        self.life.phase()
    }

    /// Enters a phase.
    pub fn enter(&self, phase: GenerationPhase) {
        self.life.enter(phase);
    }

    /// Runs a hook that cannot refuse anything: a failure is only logged.
    pub async fn run_hook(&self, hook: &Hook, timeout: Duration) {
        if let Err(error) = self.instance.run_hook(hook, timeout).await {
            let id = &self.id;
            let name = hook.name();
            tracing::warn!(plugin.id = %id, generation = self.number, "the {name} hook of `{id}` failed: {error}");
            self.note("warn", &format!("{name}: {error}"));
        }
    }

    /// Cancels the calls and response streams that are left after the drain timeout.
    pub fn cancel_calls(&self) {
        self.cancel.cancel();
        self.streams.cancel();
    }

    /// Writes a line to the plugin's log.
    pub fn note(&self, level: &'static str, message: &str) {
        self.log.push(level, Some(self.number), message);
    }

    /// The log of the plugin.
    pub fn log(&self) -> &Arc<LogLines> {
        &self.log
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.id, self.number)
    }
}
