//! What has to be done so that what is true becomes what was asked for. The same world gives the same plan.

use std::collections::BTreeMap;

use crate::{Digest, Goal, PluginId};

/// All plugins, at one moment.
pub type World = BTreeMap<PluginId, Entry>;

/// One plugin: what was asked for, and what is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What was asked for; `None` when nothing is on disk, as while its first load is on the way.
    pub wanted: Option<Wanted>,
    /// What is true.
    pub actual: Actual,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// What the plugin is to do.
    pub goal: Goal,
    /// What it is to serve with: artifact and configuration, in one digest.
    pub setup: Digest,
    /// Whether the host has taken it out of service until the operator says otherwise.
    pub is_quarantined: bool,
    /// The plugins that start before it where they are there.
    pub after: Vec<PluginId>,
}

/// What is true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Actual {
    /// What the generation that serves was started with; `None` when none serves.
    pub serves: Option<Digest>,
    /// Whether its probes say that it does not work.
    pub is_unhealthy: bool,
    /// Whether something works on the plugin now. Nothing else may then.
    pub is_busy: bool,
    /// How it went so far.
    pub attempts: Attempts,
}

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Start a generation and let it serve.
    Start,
    /// Start a generation and let it serve in place of the one that does.
    Replace,
    /// Take the generation that serves out of service.
    Stop,
    /// Note that the plugin fails too often to be tried again, and take it out of service.
    Quarantine,
    /// Take the plugin away.
    Remove {
        /// Whether what the host keeps for it stays.
        keep_data: bool,
    },
}

/// What to do now, and when to look again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// At most one step a plugin; all may be done side by side.
    pub steps: Vec<(PluginId, Step)>,
    /// When something that waits for its time is due, in milliseconds of the caller's clock.
    pub wake_at_ms: Option<u64>,
}

/// Plans the next steps, at most `max_steps`. `now_ms` is of a clock that only goes forward.
///
/// One plugin's failure holds up no other: a plugin waits for those it starts after until each has been tried, not until
/// each serves.
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
            // What only takes something out of service never waits.
            Some(at) if at > now_ms && !matches!(next, Step::Stop | Step::Quarantine) => {
                plan.wake_at_ms = Some(plan.wake_at_ms.map_or(at, |other| other.min(at)));
            }
            // Whoever is done makes room for the others, and the plan is made again.
            _ => plan.steps.push((id.clone(), next)),
        }
    }
    if plan.steps.is_empty() && !world.values().any(|entry| entry.actual.is_busy) {
        // They wait for one another: no such set is let in, but one that is there all the same must not stand still.
        let circle = waiting.into_iter().filter(|id| world.values().any(|entry| waits_for(entry, id)));
        plan.steps.extend(circle.map(|id| (id.clone(), Step::Start)));
    }
    plan.steps.truncate(max_steps);
    plan
}

enum Next {
    Nothing,
    Do(Step),
    /// When others have been tried.
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

/// Whether `id` is about to be started for the first time.
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

/// How starting a plugin went so far, since the host started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Whether it was started, well or not.
    pub was_tried: bool,
    /// Failures since it was last well for a while.
    pub in_a_row: u32,
    /// When it may be started again, in milliseconds.
    pub retry_at_ms: Option<u64>,
    /// Whether there were too many failures within the window.
    pub is_hopeless: bool,
    /// When the last failures were, oldest first.
    failed_at_ms: Vec<u64>,
}

/// How failures are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long to wait after the first failure; twice as long after each further one.
    pub first_wait_ms: u64,
    /// The longest wait.
    pub max_wait_ms: u64,
    /// As many failures within the window take the plugin out of service.
    pub quarantine_after: u32,
    /// The window.
    pub window_ms: u64,
}

impl Default for Patience {
    /// 1 s, 2 s, 4 s … 1 minute; 10 failures within 10 minutes.
    fn default() -> Patience {
        Patience { first_wait_ms: 1_000, max_wait_ms: 60_000, quarantine_after: 10, window_ms: 600_000 }
    }
}

impl Attempts {
    /// A failure: the next attempt waits, and too many of them are the last.
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

    /// A generation serves. Earlier failures count on within the window: what fails again and again is not well.
    pub fn started(&mut self) {
        self.was_tried = true;
        self.retry_at_ms = None;
    }

    /// A probe passed: the next failure waits no longer than the first.
    pub fn is_well(&mut self) {
        self.in_a_row = 0;
    }

    /// The operator wants it tried anew.
    pub fn forget(&mut self) {
        *self = Attempts { was_tried: self.was_tried, ..Attempts::default() };
    }
}

#[cfg(test)]
mod tests;
