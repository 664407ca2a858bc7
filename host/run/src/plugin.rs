//! What the host knows of one plugin.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use host_core::health::Health;
use host_core::manifest::Problem;
use host_core::{Manifest, PluginId, Source};
use host_store::Artifact;

use crate::generation::{Generation, GenerationPhase, Life};
use crate::health::HealthReport;
use crate::log_lines::{LogLine, LogLines};
use crate::metrics::EndpointMetrics;

/// The log lines of a plugin that are kept.
const MAX_LINES: usize = 1_000;
/// Ended generations that are still shown.
const MAX_ENDED_SHOWN: usize = 20;

/// One plugin: what was asked for, what serves, what was said.
pub(crate) struct Plugin {
    pub(crate) id: PluginId,
    /// Operations on this plugin take turns.
    pub(crate) serial: Arc<tokio::sync::Mutex<()>>,
    pub(crate) log: Arc<LogLines>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) installed: Option<Installed>,
    pub(crate) enabled: bool,
    /// What an operation does with it now.
    pub(crate) working: Option<Phase>,
    /// Those that have not ended, oldest first.
    pub(crate) generations: Vec<Arc<Generation>>,
    /// Those that have ended: all that are in memory, and the last that were unmapped.
    ended: VecDeque<Arc<Life>>,
    /// The counters of the endpoints, which outlive generations.
    counters: Vec<EndpointMetrics>,
    pub(crate) last_error: Option<LastError>,
}

/// What is installed.
#[derive(Clone)]
pub(crate) struct Installed {
    pub(crate) source: Source,
    pub(crate) trust: host_fetch::Trust,
    pub(crate) commit: Option<String>,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) warnings: Vec<Problem>,
    pub(crate) artifact: Artifact,
    /// What the operator set, over the manifest's defaults.
    pub(crate) configuration: serde_json::Map<String, serde_json::Value>,
    pub(crate) loaded_unix_ms: u64,
}

impl Installed {
    /// The manifest's defaults, and over them what the operator set.
    pub(crate) fn effective_configuration(&self) -> serde_json::Map<String, serde_json::Value> {
        let mut configuration = self.manifest.configuration.clone();
        configuration.extend(self.configuration.clone());
        configuration
    }

    /// Whether the host may keep data for the plugin.
    pub(crate) fn may_have_data(&self) -> bool {
        self.manifest.permissions.iter().any(|permission| permission == "kv.write")
    }
}

/// Why the newest operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) at_unix_ms: u64,
}

/// What is true of a plugin now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its source is fetched.
    Fetching,
    /// Its library is built.
    Building,
    /// Its library is opened and started.
    Loading,
    /// A generation serves.
    Running,
    /// A generation serves, but its probes or calls say that something is wrong.
    Degraded,
    /// It is disabled, and calls are still in flight.
    Draining,
    /// It is disabled.
    Stopped,
}

impl Phase {
    /// The word for clients.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Fetching => "fetching",
            Phase::Building => "building",
            Phase::Loading => "loading",
            Phase::Running => "running",
            Phase::Degraded => "degraded",
            Phase::Draining => "draining",
            Phase::Stopped => "stopped",
        }
    }
}

/// A plugin at one moment.
#[derive(Clone, Debug)]
pub struct PluginView {
    /// The plugin.
    pub id: PluginId,
    /// Its manifest; `None` while its first load is on the way.
    pub manifest: Option<Arc<Manifest>>,
    /// What plugin.yaml's check had to say.
    pub warnings: Vec<Problem>,
    /// What is true now.
    pub phase: Phase,
    /// Whether the operator wants it to serve.
    pub enabled: bool,
    /// The generation that serves.
    pub generation: Option<u64>,
    /// All generations that have not ended, and the last that have.
    pub generations: Vec<GenerationView>,
    /// What its probes say.
    pub health: HealthReport,
    /// Seconds since the serving generation started.
    pub uptime_seconds: f64,
    /// Requests answered since the host started.
    pub requests: u64,
    /// Those with a status of 500 or more.
    pub errors: u64,
    /// Where it comes from.
    pub source: String,
    /// The commit, for a git source.
    pub commit: Option<String>,
    /// What the operator set, over the manifest's defaults.
    pub configuration: serde_json::Map<String, serde_json::Value>,
    /// The artifact's digest.
    pub artifact: Option<String>,
    /// When it was loaded, in milliseconds since 1970.
    pub loaded_unix_ms: Option<u64>,
    /// Code, message and time of the newest failure of an operation.
    pub last_error: Option<(&'static str, String, u64)>,
}

/// A generation at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenerationView {
    /// Its number.
    pub number: u64,
    /// Version of the plugin.
    pub version: String,
    /// Where it is in its life.
    pub phase: GenerationPhase,
    /// Calls not answered to their last byte.
    pub in_flight: usize,
    /// Requests that its endpoints were asked.
    pub requests: u64,
    /// What of it is left, when it has ended and is not unmapped.
    pub held_by: Vec<String>,
    /// Bytes of its library's mapping; 0 when it is unmapped.
    pub mapped_bytes: usize,
    /// Bytes of heap that the plugin holds; `None` when it does not count them.
    pub live_bytes: Option<u64>,
    /// Bytes of heap that it had when it was unmapped.
    pub left_bytes: Option<u64>,
    /// From the swap until it was unmapped.
    pub unmapped_after: Option<Duration>,
}

impl Plugin {
    pub(crate) fn new(id: PluginId) -> Plugin {
        Plugin { id, serial: Arc::default(), log: Arc::new(LogLines::new(MAX_LINES)), state: Mutex::default() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.state().phase()
    }

    pub(crate) fn lines(&self, from: u64) -> Vec<LogLine> {
        self.log.since(from)
    }

    pub(crate) fn view(&self) -> PluginView {
        let state = self.state();
        let serving = state.serving();
        let threshold = |g: &Generation| g.manifest.health.failure_threshold;
        let unknown =
            HealthReport { health: Health::Unknown, last_check_unix_ms: None, failures_in_a_row: 0, problem: None };
        let sum = |of: fn(&EndpointMetrics) -> u64| state.counters.iter().map(of).sum();
        let ended = state.ended.iter().map(|life| GenerationView::of(life, 0));
        let alive = state.generations.iter();
        let alive = alive.map(|generation| GenerationView::of(&generation.life, generation.in_flight.count()));
        PluginView {
            id: self.id.clone(),
            manifest: state.installed.as_ref().map(|installed| installed.manifest.clone()),
            warnings: state.installed.as_ref().map(|installed| installed.warnings.clone()).unwrap_or_default(),
            phase: state.phase(),
            enabled: state.enabled,
            generation: serving.map(|generation| generation.number),
            generations: ended.chain(alive).collect(),
            health: serving.map_or(unknown, |generation| generation.health.report(threshold(generation))),
            uptime_seconds: serving.map_or(0.0, |generation| generation.started.elapsed().as_secs_f64()),
            requests: sum(|endpoint| endpoint.requests.get()),
            errors: sum(|endpoint| endpoint.errors.get()),
            source: state.installed.as_ref().map(|installed| installed.source.to_string()).unwrap_or_default(),
            commit: state.installed.as_ref().and_then(|installed| installed.commit.clone()),
            configuration: state
                .installed
                .as_ref()
                .map(|installed| installed.configuration.clone())
                .unwrap_or_default(),
            artifact: state.installed.as_ref().map(|installed| installed.artifact.digest().to_string()),
            loaded_unix_ms: state.installed.as_ref().map(|installed| installed.loaded_unix_ms),
            last_error: state.last_error.clone().map(|error| (error.code, error.message, error.at_unix_ms)),
        }
    }
}

impl State {
    pub(crate) fn serving(&self) -> Option<&Arc<Generation>> {
        self.generations.iter().rev().find(|generation| generation.phase() == GenerationPhase::Running)
    }

    fn phase(&self) -> Phase {
        if let Some(generation) = self.serving() {
            let health = generation.health.report(generation.manifest.health.failure_threshold).health;
            return match health {
                Health::Healthy | Health::Unknown => Phase::Running,
                Health::Degraded | Health::Unhealthy => Phase::Degraded,
            };
        }
        match self.working {
            Some(phase) => phase,
            None if self.generations.is_empty() => Phase::Stopped,
            None => Phase::Draining,
        }
    }

    /// Adds the generation that serves from now on.
    pub(crate) fn add(&mut self, generation: Arc<Generation>) {
        self.counters = generation.endpoints.iter().map(|endpoint| endpoint.metrics.clone()).collect();
        self.generations.push(generation);
    }

    /// Lets go of a generation that has ended.
    pub(crate) fn end(&mut self, generation: &Generation) {
        self.generations.retain(|other| other.number != generation.number);
        self.ended.push_back(generation.life.clone());
        // Those that are still in memory are always shown.
        let is_unmapped = |life: &Arc<Life>| life.phase() == GenerationPhase::Unmapped;
        if self.ended.len() > MAX_ENDED_SHOWN
            && let Some(oldest) = self.ended.iter().position(is_unmapped)
        {
            self.ended.remove(oldest);
        }
    }
}

impl GenerationView {
    fn of(life: &Life, in_flight: usize) -> GenerationView {
        GenerationView {
            number: life.number,
            version: life.version.clone(),
            phase: life.phase(),
            in_flight,
            requests: life.requests.load(Ordering::Relaxed),
            held_by: life.held_by(),
            mapped_bytes: life.watch.mapped_bytes(),
            live_bytes: life.watch.live_bytes(),
            left_bytes: life.watch.left_bytes(),
            unmapped_after: life.unmapped_after(),
        }
    }
}
