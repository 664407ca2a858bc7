//! The one loop that decides what is done with a plugin and when: operations take turns, and what was asked for and is not
//! true yet is brought about.

mod lanes;

use std::sync::Arc;
use std::time::{Duration, Instant};

use host_core::plan::{self, Actual, Entry, Step, Wanted, World};
use host_core::{Goal, PluginId};
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::Error;
use crate::host::{Host, Inner};
use crate::job::Job;
use crate::operation;
use crate::plugin::Plugin;
use lanes::Lanes;

/// How many plugins the loop works on at once, beside what operations do.
const MAX_STEPS: usize = 4;

/// All that the loop is told.
pub(crate) enum Input {
    /// An operation wants its turn on a plugin.
    Ask(Ask),
    /// Whoever had the turn is done.
    Done {
        plugin: PluginId,
        /// Whether it was a step of the loop's own.
        is_step: bool,
    },
    /// Something that is true of a plugin has changed by itself.
    Changed,
    /// What was asked for has been read.
    Begin,
}

/// An operation that wants its turn.
pub(crate) struct Ask {
    pub(crate) plugin: PluginId,
    pub(crate) job: Arc<Job>,
    pub(crate) grant: oneshot::Sender<Result<Turn, Error>>,
}

/// The way to the loop.
pub(crate) struct Reconcile {
    inputs: mpsc::UnboundedSender<Input>,
    /// Taken by the loop when it starts.
    waiting: std::sync::Mutex<Option<mpsc::UnboundedReceiver<Input>>>,
    /// Whether everything that was asked for when the host started has been tried.
    settled: watch::Sender<bool>,
    started: Instant,
}

/// The right to work on a plugin; given back when it is dropped.
pub(crate) struct Turn {
    plugin: PluginId,
    is_step: bool,
    inputs: mpsc::UnboundedSender<Input>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        // The loop is gone only when the host ends.
        let _ = self.inputs.send(Input::Done { plugin: self.plugin.clone(), is_step: self.is_step });
    }
}

impl Reconcile {
    pub(crate) fn new() -> Reconcile {
        let (inputs, waiting) = mpsc::unbounded_channel();
        let waiting = std::sync::Mutex::new(Some(waiting));
        Reconcile { inputs, waiting, settled: watch::Sender::new(false), started: Instant::now() }
    }

    /// Waits for the turn on a plugin.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`]; what the job's rule for conflicts says.
    ///
    /// # Cancel safety
    /// Dropping the future gives up the place in the queue.
    pub(crate) async fn turn(&self, plugin: &PluginId, job: &Arc<Job>) -> Result<Turn, Error> {
        let (grant, granted) = oneshot::channel();
        let ask = Ask { plugin: plugin.clone(), job: job.clone(), grant };
        self.inputs.send(Input::Ask(ask)).map_err(|_| Error::ShuttingDown)?;
        granted.await.unwrap_or(Err(Error::ShuttingDown))
    }

    /// Tells the loop.
    pub(crate) fn tell(&self, input: Input) {
        let _ = self.inputs.send(input);
    }

    /// Milliseconds of a clock that only goes forward.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits until everything that was asked for when the host started serves or has failed once. Cancel safe.
    pub(crate) async fn settled(&self) {
        // The sender lives in `self`, so this only ends with the value.
        let _ = self.settled.subscribe().wait_for(|settled| *settled).await;
    }

    /// Starts the loop; it ends when the host stops.
    pub(crate) fn start(&self, host: &Host) {
        let waiting = self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let Some(waiting) = waiting else { return };
        let (weak, stopping) = (Arc::downgrade(&host.0), host.0.stopping.clone());
        host.0.tasks.spawn(async move {
            tokio::select! {
                () = stopping.cancelled() => {}
                () = run(weak, waiting) => {}
            }
        });
    }
}

/// The loop. It holds the host only while it works.
async fn run(host: std::sync::Weak<Inner>, mut inputs: mpsc::UnboundedReceiver<Input>) {
    let mut state = Loop { lanes: Lanes::default(), n_steps: 0, has_begun: false, wake_at_ms: None };
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
    lanes: Lanes,
    /// Steps of the loop's own that are on their way.
    n_steps: usize,
    has_begun: bool,
    wake_at_ms: Option<u64>,
}

impl Loop {
    /// Takes an input; says whether a plan has to be made.
    fn take(&mut self, host: &Host, input: Input) -> bool {
        match input {
            Input::Ask(ask) => {
                self.lanes.ask(ask, &host.0.reconcile.inputs);
                false
            }
            Input::Done { plugin, is_step } => {
                if is_step {
                    self.n_steps -= 1;
                }
                // A first load that was given up leaves nothing.
                let is_new = host.0.plugins.get(&plugin).is_some_and(|plugin| plugin.state().is_new());
                if is_new && !self.lanes.is_awaited(&plugin) {
                    host.forget(&plugin);
                }
                self.lanes.done(&plugin, &host.0.reconcile.inputs);
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
            let turn = Turn { plugin: id.clone(), is_step: true, inputs: host.0.reconcile.inputs.clone() };
            self.lanes.occupy(&id);
            let (host, tasks) = (host.clone(), host.0.tasks.clone());
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
                is_busy: self.lanes.is_busy(&plugin.id),
                attempts: state.attempts.clone(),
            };
            Entry { wanted, actual }
        };
        host.0.plugins.iter().map(|plugin| (plugin.key().clone(), entry(plugin.value()))).collect()
    }
}

/// Whether a plugin that is to serve was started, well or not.
fn has_been_tried(entry: &Entry) -> bool {
    let is_to_run = |wanted: &Wanted| wanted.goal == Goal::Running && !wanted.is_quarantined;
    !entry.wanted.as_ref().is_some_and(is_to_run) || entry.actual.attempts.was_tried || entry.actual.serves.is_some()
}

/// Brings about what was asked for. What goes wrong is noted with the plugin, and tried again at its time.
async fn execute(host: Host, turn: Turn, id: PluginId, step: Step) {
    let stopping = host.0.stopping.clone();
    tokio::select! {
        () = stopping.cancelled() => {}
        () = operation::bring_about(&host, turn, &id, step) => {}
    }
}
