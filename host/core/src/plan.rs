//! The planner: computes the steps from the actual to the desired state. The same input produces the same plan.

use std::collections::BTreeMap;

use crate::{Digest, Goal, PluginId};

/// The states of all plugins at one moment.
pub type World = BTreeMap<PluginId, Entry>;

/// The desired and actual state of one plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The desired state; `None` if nothing is stored yet, during the first load.
    pub wanted: Option<Wanted>,
    /// The actual state.
    pub actual: Actual,
}

/// The desired state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The goal.
    pub goal: Goal,
    /// The digest over artifact and configuration to serve with.
    pub setup: Digest,
    /// Whether the plugin is quarantined.
    pub is_quarantined: bool,
    /// The ids of plugins that start before this one if they are installed.
    pub after: Vec<PluginId>,
}

/// The actual state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actual {
    /// The digest of the serving generation; `None` if none serves.
    pub serves: Option<Digest>,
    /// Whether the health probes fail.
    pub is_unhealthy: bool,
    /// Whether an operation runs on the plugin. No other step may run then.
    pub is_busy: bool,
    /// The previous start attempts.
    pub attempts: Attempts,
}

/// One step of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Starts a generation, which then serves.
    Start,
    /// Starts a generation and replaces the serving one.
    Replace,
    /// Stops the serving generation.
    Stop,
    /// Quarantines a plugin that fails too often, and stops it.
    Quarantine,
    /// Removes the plugin.
    Remove {
        /// Whether its stored data is kept.
        keep_data: bool,
    },
}

impl Step {
    /// The names of all steps, as the audit log and the logs carry them.
    pub const NAMES: [&str; 5] = ["start", "replace", "stop", "quarantine", "unload"];

    /// The name of the step, one of [`Step::NAMES`].
    pub fn name(self) -> &'static str {
        let [start, replace, stop, quarantine, unload] = Step::NAMES;
        match self {
            Step::Start => start,
            Step::Replace => replace,
            Step::Stop => stop,
            Step::Quarantine => quarantine,
            Step::Remove { .. } => unload,
        }
    }
}

/// The next steps, and the time of the next planning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The steps, at most one per plugin. They may run concurrently.
    pub steps: Vec<(PluginId, Step)>,
    /// The time at which a delayed step is due, in milliseconds of the caller's clock.
    pub wake_at_ms: Option<u64>,
}

/// Plans the next steps, at most `max_steps`. `now_ms` is from a monotonic clock.
///
/// A plugin waits until each plugin that starts before it has been tried, not until each one serves. So the failure of
/// one plugin does not block the others.
pub fn plan(world: &World, now_ms: u64, max_steps: usize) -> Plan {
    let mut plan = Plan::default();
    let mut waiting = vec![];
    for (id, entry) in world {
        let next = match next(world, entry) {
            Next::Nothing => continue,
            Next::Later => {
                waiting.push(id);
                continue;
            }
            Next::Do(step) => step,
        };
        match entry.actual.attempts.retry_at_ms {
            // Steps that only stop something are never delayed.
            Some(at) if at > now_ms && !matches!(next, Step::Stop | Step::Quarantine) => {
                plan.wake_at_ms = Some(plan.wake_at_ms.map_or(at, |other| other.min(at)));
            }
            // A finished step makes room for the others, and the planner runs again.
            _ => plan.steps.push((id.clone(), next)),
        }
    }
    if plan.steps.is_empty() && !world.values().any(|entry| entry.actual.is_busy) {
        // A cycle: such sets are refused, but an existing one must not block forever.
        let circle = waiting.into_iter().filter(|id| world.values().any(|entry| waits_for(entry, id)));
        plan.steps.extend(circle.map(|id| (id.clone(), Step::Start)));
    }
    plan.steps.truncate(max_steps);
    plan
}

enum Next {
    Nothing,
    Do(Step),
    /// Start later, after other plugins were tried.
    Later,
}

fn next(world: &World, entry: &Entry) -> Next {
    let Entry { wanted: Some(wanted), actual } = entry else { return Next::Nothing };
    if actual.is_busy {
        return Next::Nothing;
    }
    match (wanted.goal, actual.serves) {
        (Goal::Absent { keep_data }, _) => Next::Do(Step::Remove { keep_data }),
        (Goal::Running, _) if actual.attempts.is_hopeless && !wanted.is_quarantined => Next::Do(Step::Quarantine),
        (Goal::Running, serves) if !wanted.is_quarantined => match serves {
            None if wanted.after.iter().any(|id| is_awaited(world, id)) => Next::Later,
            None => Next::Do(Step::Start),
            Some(setup) if setup != wanted.setup || actual.is_unhealthy => Next::Do(Step::Replace),
            Some(_) => Next::Nothing,
        },
        (_, Some(_)) => Next::Do(Step::Stop),
        (_, None) => Next::Nothing,
    }
}

/// Returns whether `id` is about to be started for the first time.
fn is_awaited(world: &World, id: &PluginId) -> bool {
    world.get(id).is_some_and(|Entry { wanted, actual }| {
        let is_to_run = wanted.as_ref().is_some_and(|wanted| wanted.goal == Goal::Running && !wanted.is_quarantined);
        is_to_run && actual.serves.is_none() && !actual.attempts.was_tried
    })
}

fn waits_for(entry: &Entry, id: &PluginId) -> bool {
    let waits = entry.actual.serves.is_none() && !entry.actual.attempts.was_tried;
    waits && entry.wanted.as_ref().is_some_and(|wanted| wanted.after.contains(id))
}

/// The start attempts of a plugin since the host started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Whether a start was tried, successfully or not.
    pub was_tried: bool,
    /// The number of failures since the plugin was last healthy for a while.
    pub in_a_row: u32,
    /// The time of the next attempt, in milliseconds.
    pub retry_at_ms: Option<u64>,
    /// Whether the number of failures within the window has reached the limit.
    pub is_hopeless: bool,
    /// The times of the last failures, oldest first.
    failed_at_ms: Vec<u64>,
}

/// The rules for failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The delay after the first failure; doubled after each further one.
    pub first_wait_ms: u64,
    /// The maximum delay.
    pub max_wait_ms: u64,
    /// The number of failures within the window that leads to a quarantine.
    pub quarantine_after: u32,
    /// The length of the window.
    pub window_ms: u64,
}

impl Default for Patience {
    /// 1 s, 2 s, 4 s … 1 minute; 10 failures within 10 minutes.
    fn default() -> Patience {
        Patience { first_wait_ms: 1_000, max_wait_ms: 60_000, quarantine_after: 10, window_ms: 600_000 }
    }
}

impl Attempts {
    /// Records a failure: the next attempt is delayed, and too many failures end the attempts.
    pub fn failed(&mut self, now_ms: u64, patience: &Patience) {
        self.was_tried = true;
        self.in_a_row = self.in_a_row.saturating_add(1);
        let doublings = (self.in_a_row - 1).min(32);
        let wait = patience.first_wait_ms.saturating_mul(1 << doublings).min(patience.max_wait_ms);
        self.retry_at_ms = Some(now_ms.saturating_add(wait));
        self.failed_at_ms.retain(|at| now_ms.saturating_sub(*at) < patience.window_ms);
        self.failed_at_ms.push(now_ms);
        self.is_hopeless = self.failed_at_ms.len() >= patience.quarantine_after.max(1) as usize;
    }

    /// Records a successful start. Earlier failures still count within the window.
    pub fn started(&mut self) {
        self.was_tried = true;
        self.retry_at_ms = None;
    }

    /// Records a passed probe: the delay after the next failure starts at the first delay again.
    pub fn is_well(&mut self) {
        self.in_a_row = 0;
    }

    /// Ends the attempts: the planner quarantines the plugin.
    pub fn give_up(&mut self) {
        self.is_hopeless = true;
    }

    /// Forgets all failures, at the operator's request.
    pub fn forget(&mut self) {
        *self = Attempts { was_tried: self.was_tried, ..Attempts::default() };
    }
}

#[cfg(test)]
mod tests;
