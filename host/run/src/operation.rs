//! What can be asked of the host, and what it did.

mod configure;
mod goals;
mod launch;
mod prepare;
mod removal;
mod rollback;
mod swap;
mod turn;
mod update;
mod work;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt as _;
use host_core::manifest::Checked;
use host_core::plan::Step;
use host_core::update::UpdateRule;
use host_core::{Manifest, PluginId, Revision, Source, Trust};
use host_store::Tree;
use serde_json::{Map, Value};

use crate::config::Config;
use crate::error::Error;
use crate::host::Host;
use crate::job::{Asker, Job};
use crate::operation::turn::Held;
use crate::operation::work::Work;
use crate::reconcile::Turn;

/// What can be asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Install the plugin of a source, or replace it.
    Load {
        /// Where from.
        source: Source,
        /// Who asked: over HTTP, folders and files must lie below the source roots.
        trust: Trust,
        /// How.
        options: LoadOptions,
    },
    /// The same for an upload.
    Install {
        /// The upload's id.
        upload: String,
        /// How.
        options: LoadOptions,
    },
    /// Fetch and build the same source again and replace what serves.
    Reload {
        /// The plugin.
        id: String,
    },
    /// Start what is installed anew, without fetching or building it.
    Restart {
        /// The plugin.
        id: String,
    },
    /// Let an installed plugin serve.
    Enable {
        /// The plugin.
        id: String,
    },
    /// Let a plugin that rests serve again.
    Start {
        /// The plugin.
        id: String,
    },
    /// Let a plugin rest: it stays enabled and does not serve until it is started.
    Stop {
        /// The plugin.
        id: String,
    },
    /// Stop serving, but stay installed.
    Disable {
        /// The plugin.
        id: String,
        /// Whether the enabled plugins that need it are disabled first.
        cascade: bool,
    },
    /// Stop serving and forget the plugin.
    Unload {
        /// The plugin.
        id: String,
        /// Whether what the host keeps for the plugin stays, for the day it is installed again.
        keep_data: bool,
        /// Whether the plugins that need it are unloaded first.
        cascade: bool,
    },
    /// Replace what the operator set.
    Configure {
        /// The plugin.
        id: String,
        /// What the operator sets, over the layers below.
        configuration: Map<String, Value>,
        /// The revision that the change was made from; another one refuses it.
        expected: Option<u64>,
    },
    /// Let an earlier version serve again.
    Rollback {
        /// The plugin.
        id: String,
        /// The version, commit or artifact; `None` is the one before.
        to: Option<String>,
        /// Why the host does it by itself, if it does.
        because: Option<String>,
    },
    /// Ask for what an earlier revision asked for.
    Restore {
        /// The plugin.
        id: String,
        /// The revision.
        revision: u64,
    },
    /// Take a newer version from the plugin's repository.
    Update {
        /// The plugin.
        id: String,
        /// Which; `None` is the newest that the plugin's rule allows.
        to: Option<Revision>,
        /// Whether the host does it by itself. A version that fails then is not tried again.
        automatic: bool,
    },
    /// Say which newer versions are taken.
    SetUpdateRule {
        /// The plugin.
        id: String,
        /// The rule.
        rule: UpdateRule,
        /// Versions that no update may choose.
        blocked: BTreeSet<semver::Version>,
    },
}

/// How a plugin is let in.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadOptions {
    /// What the operator sets, over the layers below; `None` leaves what is set.
    pub configuration: Option<Map<String, Value>>,
    /// Whether it serves from then on; else it is only installed.
    pub start: bool,
    /// Whether what serves is left alone when nothing is new.
    pub if_changed: bool,
}

impl Default for LoadOptions {
    fn default() -> LoadOptions {
        LoadOptions { configuration: None, start: true, if_changed: false }
    }
}

/// What an operation did.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The plugin.
    pub id: PluginId,
    /// Its version.
    pub version: String,
    /// Where it comes from.
    pub source: String,
    /// The revision that says what is asked for now.
    pub revision: u64,
    /// The generation that served before.
    pub generation_before: Option<u64>,
    /// The generation that serves now.
    pub generation: Option<u64>,
    /// What those two answered, as far as they have.
    pub served: Vec<Served>,
    /// Whether the library came from the build cache.
    pub cached: Option<bool>,
    /// What plugin.yaml's check had to say.
    pub warnings: Vec<String>,
    /// Why the host did it by itself, if it did.
    pub reason: Option<String>,
    /// The steps, in order.
    pub steps: Vec<StepReport>,
}

/// What a generation has answered so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// Its number.
    pub generation: u64,
    /// Requests that its endpoints were asked.
    pub requests: u64,
    /// Those with a status of 500 or more.
    pub errors: u64,
    /// Calls not answered to their last byte.
    pub in_flight: usize,
}

/// How long a step took.
#[derive(Clone, Debug, PartialEq)]
pub struct StepReport {
    /// The step.
    pub step: &'static str,
    /// Its time in milliseconds.
    pub duration_ms: f64,
}

impl Operation {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Operation::Load { .. } => "load",
            Operation::Install { .. } => "install",
            Operation::Reload { .. } => "reload",
            Operation::Enable { .. } => "enable",
            Operation::Disable { .. } => "disable",
            Operation::Unload { .. } => "unload",
            Operation::Configure { .. } => "configure",
            Operation::Restart { .. } => "restart",
            Operation::Start { .. } => "start",
            Operation::Stop { .. } => "stop",
            Operation::Rollback { .. } => "rollback",
            Operation::Restore { .. } => "restore",
            Operation::Update { .. } => "update",
            Operation::SetUpdateRule { .. } => "set_update_rule",
        }
    }

    pub(crate) fn subject(&self) -> String {
        match self {
            Operation::Load { source, .. } => source.to_string(),
            Operation::Install { upload, .. } => upload.clone(),
            Operation::Reload { id }
            | Operation::Enable { id }
            | Operation::Disable { id, .. }
            | Operation::Unload { id, .. }
            | Operation::Restart { id }
            | Operation::Start { id }
            | Operation::Stop { id }
            | Operation::Rollback { id, .. }
            | Operation::Restore { id, .. }
            | Operation::Update { id, .. }
            | Operation::SetUpdateRule { id, .. }
            | Operation::Configure { id, .. } => id.clone(),
        }
    }
}

/// Runs an operation to its end and tells its job.
pub(crate) async fn run(host: Host, operation: Operation, job: Arc<Job>) {
    let (name, subject) = (operation.name(), operation.subject());
    let started = Instant::now();
    let mut work = Work::new(&host, &job);
    // A panic here is a defect of the host's; whoever waits must still be told that it ended.
    let result = std::panic::AssertUnwindSafe(work.run(operation)).catch_unwind();
    let result = tokio::select! {
        // An operation that has ended is told so, even while the host stops.
        biased;
        result = result => result.unwrap_or(Err(Error::Panicked)),
        () = host.0.stopping.cancelled() => Err(Error::ShuttingDown),
    };
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let outcome = match &result {
        Ok(receipt) => {
            let (id, generation) = (&receipt.id, receipt.generation.unwrap_or(0));
            match receipt.generation {
                Some(_) => {
                    tracing::info!(plugin.id = %id, generation, duration_ms, "{name}: `{id}` now serves generation {generation}")
                }
                None => tracing::info!(plugin.id = %id, duration_ms, "{name}: `{id}` does not serve"),
            }
            "done"
        }
        Err(error) => {
            tracing::error!(code = error.code(), duration_ms, "{name} of `{subject}` failed: {}", error.chain());
            "failed"
        }
    };
    host.0.metrics.operations.with_label_values(&[name, outcome]).inc();
    job.end(result);
}

/// Checks the plugin.yaml of a tree.
pub(crate) fn check(config: &Config, tree: &Tree) -> Result<Checked, Error> {
    let text = tree.manifest_text()?;
    Manifest::check(&text, config.mode).map_err(|problems| Error::Manifest { problems })
}

/// Does a step of the host's own plan. What goes wrong is noted with the plugin and waits for its time.
pub(crate) async fn bring_about(host: &Host, turn: Turn, id: &PluginId, step: Step) {
    let Some(held) = Held::of(host, id, turn) else { return };
    let name = match step {
        Step::Start => "start",
        Step::Replace => "replace",
        Step::Stop => "stop",
        Step::Quarantine => "quarantine",
        Step::Remove { .. } => "unload",
    };
    let job = Arc::new(Job::new(String::new(), name, id.to_string(), Asker::of("host")));
    let started = Instant::now();
    let mut work = Work::new(host, &job);
    let done = std::panic::AssertUnwindSafe(work.bring_about(held.clone(), step)).catch_unwind().await;
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let now_ms = host.0.reconcile.now_ms();
    match done.unwrap_or(Err(Error::Panicked)) {
        Ok(()) => {
            let generation = held.serving_number().unwrap_or(0);
            match generation {
                0 => tracing::info!(plugin.id = %id, duration_ms, "{name}: `{id}` does not serve, as was asked"),
                _ => {
                    tracing::info!(plugin.id = %id, generation, duration_ms, "{name}: `{id}` serves generation {generation}")
                }
            }
        }
        Err(Error::ShuttingDown) => {}
        Err(error) => {
            let mut state = held.plugin.state();
            state.attempts.failed(now_ms, &host.0.config.patience);
            let wait_ms = state.attempts.retry_at_ms.unwrap_or(now_ms).saturating_sub(now_ms);
            drop(state);
            tracing::error!(
                plugin.id = %id, code = error.code(), duration_ms, wait_ms,
                "{name} of `{id}` failed and waits {wait_ms} ms: {}", error.chain()
            );
        }
    }
}
