//! The operations that a host performs.

use std::collections::BTreeSet;

use host_core::update::UpdateRule;
use host_core::{Digest, PluginId, Revision, Source, Trust};
use serde_json::{Map, Value};

use crate::model::{Error, FieldProblem, SettingsChange, Target};

/// The most operations of a batch.
const MAX_OPERATIONS: usize = 100;

/// Checks the operations of a batch, each by itself, and that they can be undone when that is asked.
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
        change: SettingsChange,
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
mod tests {
    use super::*;
    use crate::model::Failed;

    #[test]
    fn a_batch_is_refused_with_all_that_is_wrong() {
        let id = || "hello".to_owned();
        let unload = |keep_data| Operation::Unload { id: id(), keep_data, cascade: false };
        let says = |operations: &[Operation], atomic| match check_batch(operations, atomic) {
            Ok(()) => "ok".to_owned(),
            Err(error) => {
                Failed::from_error(&error).problems.iter().map(|p| format!("{}: {}\n", p.field, p.message)).collect()
            }
        };
        assert_eq!(says(&[unload(true), Operation::Reload { id: id() }], true), "ok");
        assert_eq!(says(&[unload(false)], false), "ok");
        let nested = Operation::Batch { operations: vec![], atomic: true };
        expect_test::expect![[r#"
            operations[0]: `operations[0]`: the data of the plugin would be removed, which cannot be undone
            operations[1]: `operations[1]`: a batch cannot contain a batch or a plan
            operations[2]: `operations[2]`: no plugin `../x` is installed
        "#]]
        .assert_eq(&says(&[unload(false), nested, Operation::Reload { id: "../x".to_owned() }], true));
        expect_test::expect![[r#"
            operations: `operations`: a batch must have 1 to 100 operations, found 0
        "#]]
        .assert_eq(&says(&[], true));
        expect_test::expect![[r#"
            operations: `operations`: a batch must have 1 to 100 operations, found 101
        "#]]
        .assert_eq(&says(&vec![unload(true); 101], true));
    }
}
