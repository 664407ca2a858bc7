//! The queues of jobs that wait for the lease of a plugin. One job at a time works on a plugin.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use host_core::PluginId;
use tokio::sync::mpsc::UnboundedSender;

use crate::jobs::Job;
use crate::model::{Error, OnConflict};
use crate::state::{Input, Lease, LeaseRequest};

/// The queue of each plugin. A plugin without a lease has no queue.
#[derive(Default)]
pub(crate) struct LeaseQueues(HashMap<PluginId, LeaseQueue>);

struct LeaseQueue {
    /// The job that holds the lease; `None` for a step of the loop itself.
    holder: Option<Arc<Job>>,
    waiting: VecDeque<LeaseRequest>,
}

impl LeaseQueues {
    /// Grants the lease, queues the request or refuses it, depending on the `on_conflict` of the job.
    pub(crate) fn request(&mut self, request: LeaseRequest, inputs: &UnboundedSender<Input>) {
        let Some(queue) = self.0.get_mut(&request.plugin) else {
            let queue = LeaseQueue { holder: Some(request.job.clone()), waiting: VecDeque::new() };
            self.0.insert(request.plugin.clone(), queue);
            return grant(request, inputs);
        };
        match request.job.initiator().on_conflict {
            OnConflict::Queue => {}
            OnConflict::Reject => {
                let last = queue.waiting.back().map(|request| &request.job).or(queue.holder.as_ref());
                let job = last.map(|job| job.id().to_owned());
                // The receiver is gone if the job was cancelled.
                let _ = request.grant.send(Err(Error::InProgress { id: request.plugin, job }));
                return;
            }
            OnConflict::Replace => {
                for earlier in queue.waiting.drain(..) {
                    earlier.job.supersede(request.job.id());
                }
                if let Some(job) = &queue.holder {
                    job.supersede(request.job.id());
                }
            }
        }
        queue.waiting.push_back(request);
    }

    /// Takes the lease of a free plugin for a step of the loop itself.
    pub(crate) fn occupy(&mut self, plugin: &PluginId) {
        self.0.insert(plugin.clone(), LeaseQueue { holder: None, waiting: VecDeque::new() });
    }

    /// Passes a returned lease to the next job in the queue.
    pub(crate) fn returned(&mut self, plugin: &PluginId, inputs: &UnboundedSender<Input>) {
        let Some(queue) = self.0.get_mut(plugin) else { return };
        match queue.waiting.pop_front() {
            Some(next) => {
                queue.holder = Some(next.job.clone());
                grant(next, inputs);
            }
            None => drop(self.0.remove(plugin)),
        }
    }

    /// Returns whether the lease of a plugin is held.
    pub(crate) fn is_busy(&self, plugin: &PluginId) -> bool {
        self.0.contains_key(plugin)
    }

    /// Returns whether a job waits for the lease of a plugin.
    pub(crate) fn is_awaited(&self, plugin: &PluginId) -> bool {
        self.0.get(plugin).is_some_and(|queue| !queue.waiting.is_empty())
    }
}

/// Grants a lease. A job that was cancelled while it waited returns the lease at once, because the lease is dropped.
fn grant(request: LeaseRequest, inputs: &UnboundedSender<Input>) {
    request.job.started();
    let lease = Lease { plugin: request.plugin, is_step: false, inputs: inputs.clone() };
    let _ = request.grant.send(Ok(lease));
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, oneshot};

    use super::*;
    use crate::jobs::JobParts;
    use crate::model::Initiator;

    type Granted = oneshot::Receiver<Result<Lease, Error>>;

    struct Case {
        queues: LeaseQueues,
        inputs: UnboundedSender<Input>,
        received: mpsc::UnboundedReceiver<Input>,
    }

    impl Case {
        fn new() -> Case {
            let (inputs, received) = mpsc::unbounded_channel();
            Case { queues: LeaseQueues::default(), inputs, received }
        }

        fn ask(&mut self, id: &str, on_conflict: OnConflict) -> (Arc<Job>, Granted) {
            let initiator = Initiator { on_conflict, ..Initiator::new("test") };
            let job = Arc::new(Job::new(JobParts {
                id: id.to_owned(),
                operation: "load",
                subject: "abc".to_owned(),
                plugin: None,
                initiator,
                attempt: 1,
                retry_of: None,
                created_unix_ms: 0,
                request: String::new(),
            }));
            let (grant, granted) = oneshot::channel();
            self.queues.request(LeaseRequest { plugin: plugin(), job: job.clone(), grant }, &self.inputs);
            (job, granted)
        }

        /// Processes the inputs as the loop does.
        fn run(&mut self) {
            while let Ok(input) = self.received.try_recv() {
                if let Input::Returned { plugin, .. } = input {
                    self.queues.returned(&plugin, &self.inputs);
                }
            }
        }
    }

    fn plugin() -> PluginId {
        "abc".parse().unwrap()
    }

    #[test]
    fn leases_are_granted_in_the_order_of_their_requests() {
        let mut case = Case::new();
        let (_, mut first) = case.ask("1", OnConflict::Queue);
        let (_, given_up) = case.ask("2", OnConflict::Queue);
        let (_, mut third) = case.ask("3", OnConflict::Queue);
        let lease = first.try_recv().unwrap().unwrap();
        assert!(third.try_recv().is_err());
        drop(given_up);
        drop(lease);
        case.run();
        case.run();
        let lease = third.try_recv().unwrap().unwrap();
        assert!(case.queues.is_busy(&plugin()) && !case.queues.is_awaited(&plugin()));
        drop(lease);
        case.run();
        assert!(!case.queues.is_busy(&plugin()));
    }

    #[test]
    fn a_rejected_request_names_the_job_in_the_way() {
        let mut case = Case::new();
        let (_, mut first) = case.ask("1", OnConflict::Reject);
        assert!(first.try_recv().unwrap().is_ok());
        let (_, mut second) = case.ask("2", OnConflict::Reject);
        let refused = second.try_recv().unwrap().err().unwrap();
        assert!(matches!(refused, Error::InProgress { job: Some(job), .. } if job == "1"));
    }

    #[test]
    fn on_conflict_replace_cancels_queued_and_running_jobs() {
        let mut case = Case::new();
        let (first, mut granted) = case.ask("1", OnConflict::Queue);
        let lease = granted.try_recv().unwrap().unwrap();
        let (second, mut never) = case.ask("2", OnConflict::Queue);
        let (_, mut third) = case.ask("3", OnConflict::Replace);
        assert!(first.check_not_cancelled().is_err() && second.check_not_cancelled().is_err());
        assert!(never.try_recv().is_err());
        drop(lease);
        case.run();
        assert!(third.try_recv().unwrap().is_ok());
    }
}
