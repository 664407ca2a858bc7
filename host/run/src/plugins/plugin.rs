//! The state of one plugin.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use host_call::{EndpointMetrics, Generation, GenerationPhase, HealthReport, Life, LogLine, LogLines, Phase};
use host_core::configuration::Schema;
use host_core::health::Health;
use host_core::plan::Attempts;
use host_core::{Goal, PluginId};
use host_load::Crash;
use host_state::Damage;
use parking_lot::{Mutex, MutexGuard};

use crate::model::{Installed, Served, UpdateReport};
use crate::plugins::series::{Series, SeriesPoint};
use crate::plugins::{CurrentOperation, GenerationView, PluginView};

/// The number of log lines of a plugin in memory.
const MAX_LINES: usize = 1_000;
/// The number of ended generations that are shown.
const MAX_ENDED_SHOWN: usize = 20;

/// One plugin: its desired state, its generations and its log.
pub(crate) struct Plugin {
    pub(crate) id: PluginId,
    pub(crate) log: Arc<LogLines>,
    state: Mutex<PluginState>,
}

#[derive(Default)]
pub(crate) struct PluginState {
    pub(crate) installed: Option<Installed>,
    /// The damage of the desired state, if it cannot be read and nothing is installed.
    pub(crate) lost: Option<Damage>,
    /// The phase of the operation that works on the plugin.
    pub(crate) working: Option<Phase>,
    /// The operation that has leased the plugin.
    pub(crate) operation: Option<CurrentOperation>,
    /// The attempts to start the plugin.
    pub(crate) attempts: Attempts,
    /// The generations that have not ended, oldest first.
    pub(crate) generations: Vec<Arc<Generation>>,
    /// The ended generations: all that are in memory, and the last ones that were unmapped.
    ended: VecDeque<Arc<Life>>,
    /// The counters of the endpoints, which outlive generations.
    counters: Vec<EndpointMetrics>,
    /// The requests of the last 15 minutes.
    series: Series,
    pub(crate) last_error: Option<LastError>,
    /// The newest crash of the host that the plugin has caused.
    pub(crate) last_crash: Option<Crash>,
    /// The number of crashes for which the plugin is quarantined; 0 for none.
    pub(crate) too_many_crashes: usize,
    /// The result of the last check for updates.
    pub(crate) update_report: Option<UpdateReport>,
    /// The commits of a branch to which an automatic update failed.
    pub(crate) bad_commits: BTreeSet<String>,
}

/// The failure of the newest operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastError {
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) at_unix_ms: u64,
}

impl Plugin {
    pub(crate) fn new(id: PluginId) -> Plugin {
        Plugin { id, log: Arc::new(LogLines::new(MAX_LINES, host_store::without_folders)), state: Mutex::default() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, PluginState> {
        self.state.lock()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.state().phase()
    }

    /// The configuration schema; `None` if the artifact is missing.
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
        let ended = state.ended.iter().map(|life| GenerationView::new(life, 0));
        let alive = state.generations.iter();
        let alive = alive.map(|generation| GenerationView::new(&generation.life, generation.in_flight.count()));
        let installed = state.installed.as_ref();
        let build = installed.and_then(|installed| installed.build.as_ref());
        PluginView {
            id: self.id.clone(),
            manifest: build.map(|build| build.manifest.clone()),
            schema: build.map_or_else(Schema::any, |build| build.schema.clone()),
            body_schemas: build.map(|build| build.body_schemas.clone()).unwrap_or_default(),
            warnings: build.map(|build| build.warnings.clone()).unwrap_or_default(),
            operation: state.operation.clone(),
            phase: state.phase(),
            desired: installed.map(|installed| installed.desired.clone()),
            revision: installed.map_or(0, |installed| installed.revision),
            generation: serving.map(|generation| generation.number),
            generations: ended.chain(alive).collect(),
            health: serving.map_or(unknown, |generation| generation.health.report(threshold(generation))),
            uptime_seconds: serving.map_or(0.0, |generation| generation.started.elapsed().as_secs_f64()),
            requests: sum(|endpoint| endpoint.requests.get()),
            errors: sum(|endpoint| endpoint.errors.get()),
            long_polls: sum(|endpoint| endpoint.long_polls.get()),
            failures_in_a_row: state.attempts.in_a_row,
            circuit_is_open: serving.is_some_and(|generation| generation.health.circuit_is_open()),
            update_report: state.current_report(),
            last_crash: state.last_crash.clone(),
            last_error: state.last_error.clone().map(|error| (error.code, error.message, error.at_unix_ms)),
        }
    }
}

impl PluginState {
    /// The requests answered by those of the numbered generations that have not ended.
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

    /// The result of the last check for updates, if it describes the installed version.
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
            None if desired.is_some_and(|desired| desired.goal == Goal::Running) => {
                if self.attempts.was_tried {
                    Phase::Failed
                } else {
                    Phase::Loading
                }
            }
            None if self.generations.is_empty() => Phase::Stopped,
            None => Phase::Draining,
        }
    }

    /// Returns whether the plugin is not installed and not damaged: its first load is in progress.
    pub(crate) fn is_new(&self) -> bool {
        self.installed.is_none() && self.lost.is_none()
    }

    /// Forgets the failures to start and to work, at the operator's request or after a quarantine.
    pub(crate) fn forget_failures(&mut self) {
        self.attempts.forget();
        self.too_many_crashes = 0;
    }

    /// Adds the generation that serves from now on.
    pub(crate) fn add(&mut self, generation: Arc<Generation>) {
        let counters: Vec<_> = generation.endpoints.iter().map(|endpoint| endpoint.metrics.clone()).collect();
        self.series.replace(&self.counters, &counters);
        self.counters = counters;
        self.generations.push(generation);
    }

    /// Ends a step of the series of requests.
    pub(crate) fn sample(&mut self, now_unix_ms: u64) {
        self.series.sample(&self.counters, now_unix_ms);
    }

    /// The steps with requests of the last 15 minutes.
    pub(crate) fn series(&self, now_unix_ms: u64) -> Vec<SeriesPoint> {
        self.series.points(now_unix_ms)
    }

    /// Moves a generation to the ended ones.
    pub(crate) fn end(&mut self, generation: &Generation) {
        self.generations.retain(|other| other.number != generation.number);
        self.ended.push_back(generation.life.clone());
        // Generations that are still in memory are always shown.
        let is_unmapped = |life: &Arc<Life>| life.phase() == GenerationPhase::Unmapped;
        if self.ended.len() > MAX_ENDED_SHOWN
            && let Some(oldest) = self.ended.iter().position(is_unmapped)
        {
            self.ended.remove(oldest);
        }
    }
}
