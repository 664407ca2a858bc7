//! The operations that a host performs.

use std::collections::BTreeSet;

use host_core::tag::TagPattern;
use host_core::update::UpdatePolicy;
use host_core::{Digest, PluginId, Revision, Source, Trust};
use serde_json::{Map, Value};

use crate::model::{Error, FieldProblem, SettingsChange, Target};

/// The maximum number of operations of a batch.
const MAX_OPERATIONS: usize = 100;

/// Checks each operation of a batch, and that an atomic batch can be undone.
fn check_batch(operations: &[Operation], atomic: bool) -> Result<(), Error> {
    let mut problems = vec![];
    if !(1..=MAX_OPERATIONS).contains(&operations.len()) {
        let message = format!("a batch must have 1 to {MAX_OPERATIONS} operations, found {}", operations.len());
        problems.push(FieldProblem { field: "operations".to_owned(), message });
    }
    for (index, operation) in operations.iter().enumerate().take(MAX_OPERATIONS) {
        let problem = match operation {
            Operation::Apply { .. } | Operation::Batch { .. } => Some("a batch cannot contain a batch or a plan".to_owned()),
            Operation::Unload { keep_data: false, .. } if atomic => Some(
                "the data of the plugin would be removed, which cannot be undone; hint: keep the data, or use best effort"
                    .to_owned(),
            ),
            operation => operation.check().err().map(|error| error.chain()),
        };
        let field = format!("operations[{index}]");
        problems.extend(problem.map(|message| FieldProblem { field, message }));
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::BatchRefused { problems }) }
}

/// An operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Installs the plugin of a source, or replaces the installed version.
    Load {
        /// The source.
        source: Source,
        /// The trust in the client: over HTTP, folders and files must be below the source roots.
        trust: Trust,
        /// The options.
        options: LoadOptions,
    },
    /// Installs an upload, or replaces the installed version.
    Install {
        /// The id of the upload.
        upload: String,
        /// The options.
        options: LoadOptions,
    },
    /// Fetches and builds the same source again and replaces the serving generation.
    Reload {
        /// The plugin.
        id: String,
    },
    /// Starts the installed version again, without fetching or building it.
    Restart {
        /// The plugin.
        id: String,
    },
    /// Enables an installed plugin.
    Enable {
        /// The plugin.
        id: String,
    },
    /// Starts a stopped plugin.
    Start {
        /// The plugin.
        id: String,
    },
    /// Stops a plugin until it is started again. The plugin stays enabled.
    Stop {
        /// The plugin.
        id: String,
    },
    /// Disables a plugin. It stays installed.
    Disable {
        /// The plugin.
        id: String,
        /// Whether the enabled plugins that depend on it are disabled first.
        cascade: bool,
    },
    /// Unloads a plugin: it stops serving and is removed.
    Unload {
        /// The plugin.
        id: String,
        /// Whether the data of the plugin is kept for a later installation.
        keep_data: bool,
        /// Whether the plugins that depend on it are unloaded first.
        cascade: bool,
    },
    /// Changes the operator's settings of a plugin.
    Configure {
        /// The plugin.
        id: String,
        /// The change.
        change: SettingsChange,
        /// The revision that the change was made from; the change is refused if it is not the current one.
        expected: Option<u64>,
    },
    /// Rolls back to an earlier version.
    Rollback {
        /// The plugin.
        id: String,
        /// The version, commit or artifact; `None` is the previous version.
        to: Option<String>,
        /// The reason of an automatic rollback; `None` if an operator requested it.
        because: Option<String>,
    },
    /// Restores the desired state of an earlier revision.
    Restore {
        /// The plugin.
        id: String,
        /// The revision.
        revision: u64,
    },
    /// Updates a plugin to a newer version of its repository.
    Update {
        /// The plugin.
        id: String,
        /// The version; `None` is the newest version allowed by the update policy.
        to: Option<Revision>,
        /// Whether the host updates by itself. A version that fails then is not tried again.
        automatic: bool,
    },
    /// Sets the update policy of a plugin.
    SetUpdatePolicy {
        /// The plugin.
        id: String,
        /// The policy.
        policy: UpdatePolicy,
        /// The versions that updates never choose; `None` leaves them unchanged.
        blocked: Option<BTreeSet<semver::Version>>,
        /// The pattern of the release tags; `Some(None)` removes it, `None` leaves it unchanged.
        tags: Option<Option<TagPattern>>,
    },
    /// Blocks a version for updates, or unblocks it. Other blocked versions stay blocked, also when clients change them
    /// concurrently.
    BlockVersion {
        /// The plugin.
        id: String,
        /// The version.
        version: semver::Version,
        /// Whether updates never choose the version.
        blocked: bool,
    },
    /// Applies a plan.
    Apply {
        /// The digest of the plan.
        plan: Digest,
        /// The targets, in order.
        targets: Vec<Target>,
        /// Whether a failure undoes the earlier targets. Otherwise the remaining targets are applied nevertheless.
        atomic: bool,
    },
    /// Performs several operations, one after the other.
    Batch {
        /// The operations: 1 to 100, without batches and plans.
        operations: Vec<Operation>,
        /// Whether a failure undoes the earlier operations. Otherwise the remaining operations are performed
        /// nevertheless.
        atomic: bool,
    },
}

/// The options of an installation.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadOptions {
    /// The operator's settings, which override the other layers; `None` leaves them unchanged.
    pub configuration: Option<Map<String, Value>>,
    /// Whether the plugin serves afterwards. Otherwise it is only installed.
    pub start: bool,
    /// Whether a plugin with the same id from another source is replaced. Otherwise the operation is refused.
    pub replace: bool,
    /// Whether the serving generation is kept if nothing has changed.
    pub if_changed: bool,
    /// The update policy; `None` leaves it unchanged.
    pub update: Option<UpdatePolicy>,
    /// The expected commit; `None` accepts every commit.
    pub commit: Option<String>,
    /// The expected tree; `None` accepts every tree.
    pub tree: Option<Digest>,
}

impl Default for LoadOptions {
    fn default() -> LoadOptions {
        LoadOptions {
            configuration: None,
            start: true,
            replace: false,
            if_changed: false,
            update: None,
            commit: None,
            tree: None,
        }
    }
}

impl LoadOptions {
    /// Checks commit and tree of a fetched source.
    pub(crate) fn admit(&self, source: &Source, fetched: &host_fetch::Fetched) -> Result<(), Error> {
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

impl Operation {
    /// The names of all operations, as jobs carry them.
    pub const NAMES: [&str; 17] = [
        "load",
        "install",
        "reload",
        "enable",
        "disable",
        "unload",
        "configure",
        "restart",
        "start",
        "stop",
        "rollback",
        "restore",
        "update",
        "set_update_policy",
        "block_version",
        "apply",
        "batch",
    ];

    pub(crate) fn name(&self) -> &'static str {
        let name = match self {
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
            Operation::SetUpdatePolicy { .. } => "set_update_policy",
            Operation::BlockVersion { .. } => "block_version",
            Operation::Apply { .. } => "apply",
            Operation::Batch { .. } => "batch",
        };
        debug_assert!(Operation::NAMES.contains(&name));
        name
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
            | Operation::SetUpdatePolicy { id, .. }
            | Operation::BlockVersion { id, .. }
            | Operation::Configure { id, .. } => id.clone(),
        }
    }

    /// The plugin that the operation changes, if it is known before the operation starts.
    pub fn plugin(&self) -> Option<PluginId> {
        match self {
            Operation::Load { .. } | Operation::Install { .. } => None,
            Operation::Apply { .. } | Operation::Batch { .. } => None,
            operation => operation.subject().parse().ok(),
        }
    }

    /// Refuses invalid ids, so that a typing error does not create a job.
    ///
    /// # Errors
    /// [`Error::UnknownPlugin`], [`Error::UnknownUpload`], [`Error::BatchRefused`].
    pub(crate) fn check(&self) -> Result<(), Error> {
        let shown = |id: &str| host_core::shown(id, 60);
        match self {
            Operation::Load { .. } | Operation::Apply { .. } => Ok(()),
            Operation::Batch { operations, atomic } => check_batch(operations, *atomic),
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

#[cfg(test)]
mod tests;
