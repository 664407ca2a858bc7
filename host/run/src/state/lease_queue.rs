//! Who waits for a plugin, in order: one works on it at a time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use host_core::PluginId;
use tokio::sync::mpsc::UnboundedSender;

use crate::jobs::Job;
use crate::model::{Error, OnConflict};
use crate::state::{Ask, Input, Turn};

/// Those who work on plugins or wait for them. A plugin nobody works on is not there.
#[derive(Default)]
pub(crate) struct Lanes(HashMap<PluginId, Lane>);

struct Lane {
    /// Who works on it; `None` for a step of the loop's own.
    works: Option<Arc<Job>>,
    waiting: VecDeque<Ask>,
}

impl Lanes {
    /// Gives the turn, or a place in the queue, or a refusal, as the one who asks wants it.
    pub(crate) fn ask(&mut self, ask: Ask, inputs: &UnboundedSender<Input>) {
        let Some(lane) = self.0.get_mut(&ask.plugin) else {
            let lane = Lane { works: Some(ask.job.clone()), waiting: VecDeque::new() };
            self.0.insert(ask.plugin.clone(), lane);
            return give(ask, inputs);
        };
        match ask.job.asker().on_conflict {
            OnConflict::Queue => {}
            OnConflict::Reject => {
                let last = lane.waiting.back().map(|ask| &ask.job).or(lane.works.as_ref());
                let job = last.map(|job| job.id().to_owned());
                // Who asked may have given up; then nobody needs the answer.
                let _ = ask.grant.send(Err(Error::InProgress { id: ask.plugin, job }));
                return;
            }
            OnConflict::Replace => {
                for before in lane.waiting.drain(..) {
                    before.job.supersede(ask.job.id());
                }
                if let Some(job) = &lane.works {
                    job.supersede(ask.job.id());
                }
            }
        }
        lane.waiting.push_back(ask);
    }

    /// Takes a free plugin for a step of the loop's own.
    pub(crate) fn occupy(&mut self, plugin: &PluginId) {
        self.0.insert(plugin.clone(), Lane { works: None, waiting: VecDeque::new() });
    }

    /// Whoever worked on a plugin is done: the next one gets its turn.
    pub(crate) fn done(&mut self, plugin: &PluginId, inputs: &UnboundedSender<Input>) {
        let Some(lane) = self.0.get_mut(plugin) else { return };
        match lane.waiting.pop_front() {
            Some(next) => {
                lane.works = Some(next.job.clone());
                give(next, inputs);
            }
            None => drop(self.0.remove(plugin)),
        }
    }

    /// Whether anyone works on it.
    pub(crate) fn is_busy(&self, plugin: &PluginId) -> bool {
        self.0.contains_key(plugin)
    }

    /// Whether anyone waits for it.
    pub(crate) fn is_awaited(&self, plugin: &PluginId) -> bool {
        self.0.get(plugin).is_some_and(|lane| !lane.waiting.is_empty())
    }
}

/// Gives the turn. One who has given up gives it back at once: the turn is dropped.
fn give(ask: Ask, inputs: &UnboundedSender<Input>) {
    ask.job.started();
    let turn = Turn { plugin: ask.plugin, is_step: false, inputs: inputs.clone() };
    let _ = ask.grant.send(Ok(turn));
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, oneshot};

    use super::*;
    use crate::jobs::JobParts;
    use crate::model::Asker;

    type Granted = oneshot::Receiver<Result<Turn, Error>>;

    struct Case {
        lanes: Lanes,
        inputs: UnboundedSender<Input>,
        told: mpsc::UnboundedReceiver<Input>,
    }

    impl Case {
        fn new() -> Case {
            let (inputs, told) = mpsc::unbounded_channel();
            Case { lanes: Lanes::default(), inputs, told }
        }

        fn ask(&mut self, id: &str, on_conflict: OnConflict) -> (Arc<Job>, Granted) {
            let asker = Asker { on_conflict, ..Asker::of("test") };
            let job = Arc::new(Job::new(JobParts {
                id: id.to_owned(),
                operation: "load",
                subject: "abc".to_owned(),
                plugin: None,
                asker,
                attempt: 1,
                retry_of: None,
                created_unix_ms: 0,
                request: String::new(),
            }));
            let (grant, granted) = oneshot::channel();
            self.lanes.ask(Ask { plugin: plugin(), job: job.clone(), grant }, &self.inputs);
            (job, granted)
        }

        /// Hands on what was told, as the loop does.
        fn run(&mut self) {
            while let Ok(input) = self.told.try_recv() {
                if let Input::Done { plugin, .. } = input {
                    self.lanes.done(&plugin, &self.inputs);
                }
            }
        }
    }

    fn plugin() -> PluginId {
        "abc".parse().unwrap()
    }

    #[test]
    fn turns_are_given_in_the_order_in_which_they_were_asked_for() {
        let mut case = Case::new();
        let (_, mut first) = case.ask("1", OnConflict::Queue);
        let (_, given_up) = case.ask("2", OnConflict::Queue);
        let (_, mut third) = case.ask("3", OnConflict::Queue);
        let turn = first.try_recv().unwrap().unwrap();
        assert!(third.try_recv().is_err());
        drop(given_up);
        drop(turn);
        case.run();
        case.run();
        let turn = third.try_recv().unwrap().unwrap();
        assert!(case.lanes.is_busy(&plugin()) && !case.lanes.is_awaited(&plugin()));
        drop(turn);
        case.run();
        assert!(!case.lanes.is_busy(&plugin()));
    }

    #[test]
    fn who_does_not_want_to_wait_is_told_whom_for() {
        let mut case = Case::new();
        let (_, mut first) = case.ask("1", OnConflict::Reject);
        assert!(first.try_recv().unwrap().is_ok());
        let (_, mut second) = case.ask("2", OnConflict::Reject);
        let refused = second.try_recv().unwrap().err().unwrap();
        assert!(matches!(refused, Error::InProgress { job: Some(job), .. } if job == "1"));
    }

    #[test]
    fn who_replaces_ends_those_before() {
        let mut case = Case::new();
        let (first, mut granted) = case.ask("1", OnConflict::Queue);
        let turn = granted.try_recv().unwrap().unwrap();
        let (second, mut never) = case.ask("2", OnConflict::Queue);
        let (_, mut third) = case.ask("3", OnConflict::Replace);
        assert!(first.go_on().is_err() && second.go_on().is_err());
        assert!(never.try_recv().is_err());
        drop(turn);
        case.run();
        assert!(third.try_recv().unwrap().is_ok());
    }
}
