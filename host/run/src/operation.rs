//! What can be asked of the host, and what it did.

mod again;
mod configure;
mod fulfil;
mod goals;
mod launch;
mod many;
mod prepare;
pub(crate) mod record;
mod removal;
mod rollback;
mod run;
mod swap;
mod target;
mod tell;
mod turn;
mod undo;
mod update;
mod work;

use std::borrow::Cow;
use std::collections::BTreeSet;

use host_core::manifest::Checked;
use host_core::update::UpdateRule;
use host_core::{Digest, Manifest, PluginId, Revision, Source, Trust};
use host_store::Tree;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::Config;
use crate::error::Error;
use crate::job::Failed;
use crate::setup::Settings;

pub(crate) use prepare::{absolute, fetch, fits_host};
pub(crate) use run::{bring_about, run};
pub use target::{Target, TargetPick, There, Wish};

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
    /// Change what the operator set.
    Configure {
        /// The plugin.
        id: String,
        /// How.
        change: Settings,
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
        /// Versions that no update may choose; `None` leaves those that are.
        blocked: Option<BTreeSet<semver::Version>>,
    },
    /// Keep updates from choosing a version, or let them choose it again. What else is blocked stays, whoever asks meanwhile.
    BlockVersion {
        /// The plugin.
        id: String,
        /// The version.
        version: semver::Version,
        /// Whether no update may choose it.
        blocked: bool,
    },
    /// Do what a plan says.
    Apply {
        /// The plan.
        plan: Digest,
        /// What it does, in order.
        targets: Vec<Target>,
        /// Whether what was done is undone when something can't be done; else the rest is done nevertheless.
        atomic: bool,
    },
    /// Do several things, one after the other.
    Batch {
        /// Which; at most 100, none of which is a batch or a plan.
        operations: Vec<Operation>,
        /// Whether what was done is undone when something can't be done; else the rest is done nevertheless.
        atomic: bool,
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
    /// Which newer versions are taken from then on; `None` leaves what is set.
    pub update: Option<UpdateRule>,
    /// The commit that must have been fetched; any when it is `None`.
    pub commit: Option<String>,
    /// The tree that must have been fetched; any when it is `None`.
    pub tree: Option<Digest>,
}

impl Default for LoadOptions {
    fn default() -> LoadOptions {
        LoadOptions { configuration: None, start: true, if_changed: false, update: None, commit: None, tree: None }
    }
}

impl LoadOptions {
    /// Whether what was fetched is what must have been.
    fn admit(&self, source: &Source, fetched: &host_fetch::Fetched) -> Result<(), Error> {
        let other = |what, expected: String, found: String| {
            Err(Error::OtherContent { place: source.to_string(), what, expected, found })
        };
        match (&self.commit, &self.tree) {
            (Some(commit), _) if fetched.commit.as_ref() != Some(commit) => {
                other("commit", commit.clone(), fetched.commit.clone().unwrap_or_default())
            }
            (_, Some(tree)) if fetched.tree.digest() != *tree => {
                other("tree", tree.to_string(), fetched.tree.digest().to_string())
            }
            _ => Ok(()),
        }
    }
}

/// What an operation did. The state keeps it as JSON: a field that is added later needs `#[serde(default)]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// The plugin; `None` where there are parts.
    #[serde(default, with = "record::plugin_id")]
    pub id: Option<PluginId>,
    /// Its version.
    pub version: String,
    /// Where it comes from.
    pub source: String,
    /// The revision that says what is asked for now.
    #[serde(default)]
    pub revision: u64,
    /// The generation that served before.
    pub generation_before: Option<u64>,
    /// The generation that serves now.
    pub generation: Option<u64>,
    /// What those two answered, as far as they have.
    #[serde(default)]
    pub served: Vec<Served>,
    /// Whether the library came from the build cache.
    pub cached: Option<bool>,
    /// What plugin.yaml's check had to say.
    pub warnings: Vec<String>,
    /// The states that it went through, from what it was to what it is, where the operation is about these.
    #[serde(default)]
    pub states: Vec<Cow<'static, str>>,
    /// Why the host did it by itself, if it did, or did nothing.
    #[serde(default)]
    pub reason: Option<String>,
    /// What became of each of several things that were asked for at once.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// The steps, in order.
    pub steps: Vec<StepReport>,
}

/// What became of one of several things that were asked for at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// `load`, `reload`, …; what a plan does with a plugin is `apply`, or `unload`.
    pub operation: Cow<'static, str>,
    /// Of what: a source or a plugin's id.
    pub subject: String,
    /// What became of it.
    pub state: PartState,
    /// What was done, where something was.
    pub receipt: Option<Box<Receipt>>,
    /// Why it was not done, or could not be undone.
    pub problem: Option<Failed>,
}

/// What became of one of several things that were asked for at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    /// It is done; also when it changed nothing that is asked for, so that there is nothing to undo.
    Done,
    /// It could not be done.
    Failed,
    /// It was done, and undone because another could not be done.
    Undone,
    /// It was done and should be undone, but could not be.
    Stuck,
    /// It was not begun, because another could not be done.
    Skipped,
}

impl PartState {
    /// The word for clients.
    pub fn as_str(self) -> &'static str {
        match self {
            PartState::Done => "done",
            PartState::Failed => "failed",
            PartState::Undone => "undone",
            PartState::Stuck => "stuck",
            PartState::Skipped => "skipped",
        }
    }
}

/// What a generation has answered so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
            Operation::Restart { .. } => "restart",
            Operation::Start { .. } => "start",
            Operation::Stop { .. } => "stop",
            Operation::Rollback { .. } => "rollback",
            Operation::Restore { .. } => "restore",
            Operation::Update { .. } => "update",
            Operation::SetUpdateRule { .. } => "set_update_rule",
            Operation::BlockVersion { .. } => "block_version",
            Operation::Apply { .. } => "apply",
            Operation::Batch { .. } => "batch",
        }
    }

    pub(crate) fn subject(&self) -> String {
        match self {
            Operation::Load { source, .. } => source.to_string(),
            Operation::Install { upload, .. } => upload.clone(),
            Operation::Apply { plan, .. } => plan.to_string(),
            Operation::Batch { operations, .. } => format!("{} operations", operations.len()),
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
            | Operation::BlockVersion { id, .. }
            | Operation::Configure { id, .. } => id.clone(),
        }
    }

    /// The plugin that it changes, when that is known before it is done.
    pub(crate) fn plugin(&self) -> Option<PluginId> {
        match self {
            Operation::Load { .. } | Operation::Install { .. } => None,
            Operation::Apply { .. } | Operation::Batch { .. } => None,
            operation => operation.subject().parse().ok(),
        }
    }

    /// Refuses what cannot be an id, so that no job is made of what somebody mistyped.
    ///
    /// # Errors
    /// [`Error::UnknownPlugin`], [`Error::UnknownUpload`], [`Error::BatchRefused`].
    pub(crate) fn check(&self) -> Result<(), Error> {
        let shown = |id: &str| id.chars().filter(|c| !c.is_control()).take(60).collect();
        match self {
            Operation::Load { .. } | Operation::Apply { .. } => Ok(()),
            Operation::Batch { operations, atomic } => many::check(operations, *atomic),
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
