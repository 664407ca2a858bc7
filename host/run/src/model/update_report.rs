//! The result of a check for updates.

use std::collections::BTreeSet;

use host_call::now_unix_ms;
use host_core::update::{Reason, UpdateRule};
use host_core::{PluginId, Revision, Source};
use semver::Version;

use crate::model::Error;

/// What was found when a plugin's source was asked for newer versions.
///
/// It speaks of what was installed at that moment: once another version or commit is, it says nothing any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateReport {
    /// When, in milliseconds since 1970.
    pub checked_at_unix_ms: u64,
    /// The version that was installed.
    pub installed: Version,
    /// The commit that was installed, when it is known.
    pub commit: Option<String>,
    /// The newest that there is, whether or not the rule allows it; `None` when that is installed.
    pub newest: Option<Update>,
    /// The newest that the rule allows; `None` when that is installed, and under the policies `manual` and `pinned`.
    pub allowed: Option<Update>,
    /// Which newer versions are not taken, and why; newest first.
    pub held_back: Vec<(Version, Reason)>,
    /// Why nothing is known, when the source could not be asked.
    pub error: Option<UpdateFailure>,
}

/// A newer version, or a newer commit of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The version that its tag names; `None` for a branch, whose versions are not known before they are fetched.
    pub version: Option<Version>,
    /// What to load from the plugin's repository to have it.
    pub revision: Revision,
    /// The commit that this leads to, 40 hex digits.
    pub commit: String,
}

/// Why a source could not be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateFailure {
    /// A word for clients. Never reworded.
    pub code: &'static str,
    /// What failed and why, in one line.
    pub message: String,
    /// What to do about it.
    pub fix: Option<String>,
}

impl UpdateReport {
    /// A report that nothing newer is known.
    pub(crate) fn empty(installed: &Version, commit: Option<&str>) -> UpdateReport {
        UpdateReport {
            checked_at_unix_ms: now_unix_ms(),
            installed: installed.clone(),
            commit: commit.map(str::to_owned),
            newest: None,
            allowed: None,
            held_back: vec![],
            error: None,
        }
    }

    pub(crate) fn failed(self, error: &Error) -> UpdateReport {
        let error = UpdateFailure { code: error.code(), message: error.chain(), fix: error.fix() };
        UpdateReport { error: Some(error), ..self }
    }
}

/// A plugin whose newer versions are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The plugin.
    pub id: PluginId,
    /// Where it comes from. Only repositories are asked.
    pub source: Source,
    /// The version that is installed.
    pub installed: Version,
    /// The commit that is installed.
    pub commit: Option<String>,
    /// What the operator wants. Nothing is looked for under the policy `pinned`.
    pub rule: UpdateRule,
    /// Versions that are never taken.
    pub blocked: BTreeSet<Version>,
    /// When it was looked at last, in milliseconds since 1970, as far as it is remembered: a host that starts again
    /// does not ask again what it asked a moment ago.
    pub last_check_unix_ms: Option<u64>,
}
