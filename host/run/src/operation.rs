//! What can be asked of the host, and what it did.

mod configure;
pub(crate) mod record;
mod removal;
mod run;
mod turn;
mod work;

use std::borrow::Cow;

use host_core::manifest::Checked;
use host_core::{Manifest, PluginId, Source};
use host_fetch::Trust;
use host_store::Tree;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::error::Error;

pub(crate) use run::run;

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

/// What an operation did. The state keeps it as JSON: a field that is added later needs `#[serde(default)]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The plugin.
    #[serde(with = "record::plugin_id")]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// The step.
    pub step: Cow<'static, str>,
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

    /// The plugin that it changes, when that is known before it is done.
    pub(crate) fn plugin(&self) -> Option<PluginId> {
        match self {
            Operation::Load { .. } | Operation::Install { .. } => None,
            Operation::Reload { id }
            | Operation::Enable { id }
            | Operation::Disable { id }
            | Operation::Unload { id, .. }
            | Operation::Configure { id, .. } => id.parse().ok(),
        }
    }

    /// Refuses what cannot be an id, so that no job is made of what somebody mistyped.
    ///
    /// # Errors
    /// [`Error::UnknownPlugin`], [`Error::UnknownUpload`].
    pub(crate) fn check(&self) -> Result<(), Error> {
        let shown = |id: &str| id.chars().filter(|c| !c.is_control()).take(60).collect();
        match self {
            Operation::Load { .. } => Ok(()),
            Operation::Install { upload, .. } => {
                let is_id = upload.len() <= 64 && upload.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_');
                is_id.then_some(()).ok_or_else(|| Error::UnknownUpload { id: shown(upload) })
            }
            operation => {
                let id = operation.subject();
                operation.plugin().map(drop).ok_or_else(|| Error::UnknownPlugin { id: shown(&id) })
            }
        }
    }
}

/// Checks the plugin.yaml of a tree.
pub(crate) fn check(config: &Config, tree: &Tree) -> Result<Checked, Error> {
    let text = tree.manifest_text()?;
    Manifest::check(&text, config.mode).map_err(|problems| Error::Manifest { problems })
}
