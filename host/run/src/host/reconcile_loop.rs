//! The reconcile loop: grants leases of plugins to jobs, and starts steps that bring the actual state to the desired
//! state.

use std::sync::Arc;
use std::time::Duration;

use host_core::plan::{self, Actual, Entry, Step, Wanted, World};
use host_core::{Goal, PluginId};
use tokio::sync::mpsc;

use crate::model::{Initiator, Operation};
use crate::operation;
use crate::plugins::Plugin;
use crate::state::{Host, Inner, Input, Lease, LeaseQueues};

/// The maximum number of concurrent steps of the loop, in addition to jobs.
const MAX_STEPS: usize = 4;

/// Runs the loop. It holds the host only while it processes inputs.
async fn run(host: std::sync::Weak<Inner>, mut inputs: mpsc::UnboundedReceiver<Input>) {
    let mut state = Loop { queues: LeaseQueues::default(), n_steps: 0, has_begun: false, wake_at_ms: None };
    let mut sleep: Option<Duration> = None;
    loop {
        let first = match sleep {
            None => inputs.recv().await,
            Some(sleep) => match tokio::time::timeout(sleep, inputs.recv()).await {
                Ok(input) => input,
                Err(_) => Some(Input::Changed),
            },
        };
        let (Some(first), Some(host)) = (first, host.upgrade().map(Host)) else { return };
        let mut looks = state.take(&host, first);
        while let Ok(input) = inputs.try_recv() {
            looks |= state.take(&host, input);
        }
        if looks && state.has_begun {
            state.plan(&host);
        }
        let now_ms = host.0.reconcile.now_ms();
        sleep = state.wake_at_ms.map(|at| Duration::from_millis(at.saturating_sub(now_ms)));
    }
}

struct Loop {
    queues: LeaseQueues,
    /// The running steps of the loop.
    n_steps: usize,
    has_begun: bool,
    wake_at_ms: Option<u64>,
}

impl Loop {
    /// Processes an input. Returns whether a plan must be made.
    fn take(&mut self, host: &Host, input: Input) -> bool {
        match input {
            Input::Lease(request) => {
                self.queues.request(request, &host.0.reconcile.inputs);
                false
            }
            Input::Submit(operation) => {
                let host = host.clone();
                host.0.tasks.clone().spawn(async move { submit_own(host, *operation).await });
                false
            }
            Input::Returned { plugin, is_step } => {
                if is_step {
                    self.n_steps -= 1;
                }
                // A first load that was cancelled leaves nothing behind.
                let is_new = host.0.plugins.get(&plugin).is_some_and(|plugin| plugin.state().is_new());
                if is_new && !self.queues.is_awaited(&plugin) {
                    host.forget(&plugin);
                }
                self.queues.returned(&plugin, &host.0.reconcile.inputs);
                true
            }
            Input::Changed => true,
            Input::Begin => {
                self.has_begun = true;
                true
            }
        }
    }

    fn plan(&mut self, host: &Host) {
        let world = self.world(host);
        let now_ms = host.0.reconcile.now_ms();
        let plan = plan::plan(&world, now_ms, MAX_STEPS.saturating_sub(self.n_steps));
        self.wake_at_ms = plan.wake_at_ms;
        for (id, step) in plan.steps {
            self.n_steps += 1;
            let turn = Lease { plugin: id.clone(), is_step: true, inputs: host.0.reconcile.inputs.clone() };
            self.queues.occupy(&id);
            let host = host.clone();
            let tasks = host.0.tasks.clone();
            tasks.spawn(async move { execute(host, turn, id, step).await });
        }
        if self.n_steps == 0 && !*host.0.reconcile.settled.borrow() && world.values().all(has_been_tried) {
            host.0.reconcile.settled.send_replace(true);
        }
    }

    fn world(&self, host: &Host) -> World {
        let entry = |plugin: &Plugin| {
            let state = plugin.state();
            let wanted = state.installed.as_ref().map(|installed| Wanted {
                goal: installed.desired.goal,
                setup: installed.setup,
                is_quarantined: installed.desired.quarantine.is_some(),
                after: installed.after(),
            });
            let serving = state.serving();
            let actual = Actual {
                serves: serving.map(|generation| generation.setup()),
                is_unhealthy: serving.is_some_and(|generation| generation.is_unhealthy()),
                is_busy: self.queues.is_busy(&plugin.id),
                attempts: state.attempts.clone(),
            };
            Entry { wanted, actual }
        };
        host.0.plugins.iter().map(|plugin| (plugin.key().clone(), entry(plugin.value()))).collect()
    }
}

/// Returns whether a plugin that should serve was started at least once, whatever the result.
fn has_been_tried(entry: &Entry) -> bool {
    let is_to_run = |wanted: &Wanted| wanted.goal == Goal::Running && !wanted.is_quarantined;
    !entry.wanted.as_ref().is_some_and(is_to_run) || entry.actual.attempts.was_tried || entry.actual.serves.is_some()
}

/// Submits an operation of the host itself. A refusal is only logged, because there is no client to report it to.
async fn submit_own(host: Host, operation: Operation) {
    let name = operation.name();
    let subject = operation.subject();
    if let Err(error) = host.submit(operation, Initiator::new("host")).await {
        tracing::error!(code = error.code(), "failed to submit {name} of `{subject}`: {}", error.chain());
    }
}

/// Runs a step of the plan. A failure is recorded with the plugin, and the step is retried at its time.
async fn execute(host: Host, turn: Lease, id: PluginId, step: Step) {
    let stopping = host.0.stopping.clone();
    tokio::select! {
        () = stopping.cancelled() => {}
        () = operation::run_planned_step(&host, turn, &id, step) => {}
    }
}

impl Host {
    /// Starts the loop; it ends when the host stops.
    pub(super) fn start_loop(&self) {
        let Some(waiting) = self.0.reconcile.waiting.lock().take() else { return };
        let weak = Arc::downgrade(&self.0);
        let stopping = self.0.stopping.clone();
        self.0.tasks.spawn(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                () = run(weak, waiting) => {}
            }
        });
    }
}
