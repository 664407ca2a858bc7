//! What can be asked of the host, and what it did.

mod configure;
mod removal;
mod turn;
mod work;

use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt as _;
use host_core::manifest::Checked;
use host_core::{Manifest, PluginId, Source};
use host_fetch::Trust;
use host_store::Tree;

use crate::config::Config;
use crate::error::Error;
use crate::host::Host;
use crate::job::Job;
use crate::operation::work::Work;

/// What can be asked.
#[derive(Clone, Debug)]
pub enum Operation {
    /// Install the plugin of a source, or replace it, and let it serve.
    Load {
        /// Where from.
        source: Source,
        /// Who asked: over HTTP, folders and files must lie below the source roots.
        trust: Trust,
        /// What the operator sets, over the manifest's defaults.
        configuration: serde_json::Map<String, serde_json::Value>,
    },
    /// The same for an upload.
    Install {
        /// The upload's id.
        upload: String,
        /// What the operator sets, over the manifest's defaults.
        configuration: serde_json::Map<String, serde_json::Value>,
    },
    /// Fetch and build the same source again and replace what serves.
    Reload {
        /// The plugin.
        id: String,
    },
    /// Let an installed plugin serve.
    Enable {
        /// The plugin.
        id: String,
    },
    /// Stop serving, but stay installed.
    Disable {
        /// The plugin.
        id: String,
    },
    /// Stop serving and forget the plugin.
    Unload {
        /// The plugin.
        id: String,
        /// Whether what the host keeps for the plugin stays, for the day it is installed again.
        keep_data: bool,
    },
    /// Replace what the operator set.
    Configure {
        /// The plugin.
        id: String,
        /// What the operator sets, over the manifest's defaults.
        configuration: serde_json::Map<String, serde_json::Value>,
    },
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
    /// The generation that served before.
    pub generation_before: Option<u64>,
    /// The generation that serves now.
    pub generation: Option<u64>,
    /// Whether the library came from the build cache.
    pub cached: Option<bool>,
    /// What plugin.yaml's check had to say.
    pub warnings: Vec<String>,
    /// The steps, in order.
    pub steps: Vec<StepReport>,
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
        }
    }

    pub(crate) fn subject(&self) -> String {
        match self {
            Operation::Load { source, .. } => source.to_string(),
            Operation::Install { upload, .. } => upload.clone(),
            Operation::Reload { id }
            | Operation::Enable { id }
            | Operation::Disable { id }
            | Operation::Unload { id, .. }
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
