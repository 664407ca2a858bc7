//! What the host knows of one plugin.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use host_core::configuration::Schema;
use host_core::health::Health;
use host_core::manifest::Problem;
use host_core::plan::Attempts;
use host_core::{Desired, Digest, Goal, Manifest, PluginId};
use host_state::Damage;

use crate::operation::Served;
use crate::setup::Build;
use crate::updates::UpdateReport;
use host_call::EndpointMetrics;
use host_call::{Generation, GenerationPhase, Life};
use host_call::{HealthReport, Phase};
use host_call::{LogLine, LogLines};

/// The log lines of a plugin that are kept.
const MAX_LINES: usize = 1_000;
/// Ended generations that are still shown.
const MAX_ENDED_SHOWN: usize = 20;

/// One plugin: what was asked for, what serves, what was said.
pub(crate) struct Plugin {
    pub(crate) id: PluginId,
    pub(crate) log: Arc<LogLines>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) installed: Option<Installed>,
    /// Why nobody knows what was asked for, where that is damaged and nothing is installed.
    pub(crate) lost: Option<Damage>,
    /// What an operation does with it now.
    pub(crate) working: Option<Phase>,
    /// How starting it went so far.
    pub(crate) attempts: Attempts,
    /// Those that have not ended, oldest first.
    pub(crate) generations: Vec<Arc<Generation>>,
    /// Those that have ended: all that are in memory, and the last that were unmapped.
    ended: VecDeque<Arc<Life>>,
    /// The counters of the endpoints, which outlive generations.
    counters: Vec<EndpointMetrics>,
    pub(crate) last_error: Option<LastError>,
    /// What was found when its repository was asked last for newer versions.
    pub(crate) update_report: Option<UpdateReport>,
    /// Commits of a branch that failed when the host took them by itself.
    pub(crate) bad_commits: BTreeSet<String>,
}

/// What is installed: what was asked for, and what was built of it.
#[derive(Clone)]
pub(crate) struct Installed {
    pub(crate) desired: Desired,
    /// The revision with which that was asked for.
    pub(crate) revision: u64,
    /// `None` when the artifact is lost or damaged.
    pub(crate) build: Option<Build>,
    /// The digest of what it serves with, when it serves.
    pub(crate) setup: Digest,
}

/// Why the newest operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) at_unix_ms: u64,
}

/// A plugin at one moment.
#[derive(Clone, Debug)]
pub struct PluginView {
    /// The plugin.
    pub id: PluginId,
    /// Its manifest; `None` while its first load is on the way.
    pub manifest: Option<Arc<Manifest>>,
    /// What its configuration has to fit, and what of it is secret.
    pub schema: Schema,
    /// What bodies have to fit, by the path that plugin.yaml gives.
    pub body_schemas: Arc<BTreeMap<String, Schema>>,
    /// What plugin.yaml's check had to say.
    pub warnings: Vec<Problem>,
    /// What is true now.
    pub phase: Phase,
    /// What was asked for; `None` while its first load is on the way.
    pub desired: Option<Desired>,
    /// The revision with which that was asked for; 0 for none.
    pub revision: u64,
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
    /// How often in a row it failed to start or to work.
    pub failures_in_a_row: u32,
    /// Whether calls are refused because its probes say that it does not work.
    pub circuit_is_open: bool,
    /// What was found when its repository was asked last for newer versions of what is installed.
    pub update_report: Option<UpdateReport>,
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
        Plugin { id, log: Arc::new(LogLines::new(MAX_LINES, host_store::without_folders)), state: Mutex::default() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn phase(&self) -> Phase {
        self.state().phase()
    }

    /// What its configuration has to fit; `None` when its artifact is lost.
    pub(crate) fn schema(&self) -> Option<Schema> {
        Some(self.state().installed.as_ref()?.build.as_ref()?.schema.clone())
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
        let installed = state.installed.as_ref();
        let build = installed.and_then(|installed| installed.build.as_ref());
        PluginView {
            id: self.id.clone(),
            manifest: build.map(|build| build.manifest.clone()),
            schema: build.map_or_else(Schema::any, |build| build.schema.clone()),
            body_schemas: build.map(|build| build.body_schemas.clone()).unwrap_or_default(),
            warnings: build.map(|build| build.warnings.clone()).unwrap_or_default(),
            phase: state.phase(),
            desired: installed.map(|installed| installed.desired.clone()),
            revision: installed.map_or(0, |installed| installed.revision),
            generation: serving.map(|generation| generation.number),
            generations: ended.chain(alive).collect(),
            health: serving.map_or(unknown, |generation| generation.health.report(threshold(generation))),
            uptime_seconds: serving.map_or(0.0, |generation| generation.started.elapsed().as_secs_f64()),
            requests: sum(|endpoint| endpoint.requests.get()),
            errors: sum(|endpoint| endpoint.errors.get()),
            failures_in_a_row: state.attempts.in_a_row,
            circuit_is_open: serving.is_some_and(|generation| generation.health.circuit_is_open()),
            update_report: state.current_report(),
            last_error: state.last_error.clone().map(|error| (error.code, error.message, error.at_unix_ms)),
        }
    }
}

impl Installed {
    /// The plugins that start before it where they are there.
    pub(crate) fn after(&self) -> Vec<PluginId> {
        let Some(build) = &self.build else { return vec![] };
        let needed = build.manifest.dependencies.iter().map(|dependency| &dependency.id);
        needed.chain(&build.manifest.run_after).filter_map(|id| id.parse().ok()).collect()
    }
}

impl State {
    /// What generations have answered, of those that have not ended.
    pub(crate) fn served(&self, numbers: impl Iterator<Item = u64>) -> Vec<Served> {
        let find = |number| self.generations.iter().find(|generation| generation.number == number);
        let served = numbers.filter_map(find).map(|generation| Served {
            generation: generation.number,
            requests: generation.life.requests.load(Ordering::Relaxed),
            errors: generation.life.errors.load(Ordering::Relaxed),
            in_flight: generation.in_flight.count(),
        });
        let mut served: Vec<_> = served.collect();
        served.dedup();
        served
    }

    /// What is known of newer versions, as far as it speaks of what is installed.
    pub(crate) fn current_report(&self) -> Option<UpdateReport> {
        let current = &self.installed.as_ref()?.desired.current;
        let is_current =
            |report: &&UpdateReport| report.installed == current.version && report.commit == current.commit;
        self.update_report.as_ref().filter(is_current).cloned()
    }

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
        let desired = self.installed.as_ref().map(|installed| &installed.desired);
        match self.working {
            Some(phase) => phase,
            None if self.installed.is_none() && self.lost.is_some() => Phase::Failed,
            None if desired.is_some_and(|desired| desired.quarantine.is_some()) => Phase::Quarantined,
            None if desired.is_some_and(|desired| desired.goal == Goal::Running) => match self.attempts.was_tried {
                true => Phase::Failed,
                false => Phase::Loading,
            },
            None if self.generations.is_empty() => Phase::Stopped,
            None => Phase::Draining,
        }
    }

    /// Whether nothing is known of it but that it is about to be installed.
    pub(crate) fn is_new(&self) -> bool {
        self.installed.is_none() && self.lost.is_none()
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
