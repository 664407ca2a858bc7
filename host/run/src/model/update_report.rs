//! The result of a check for updates.

use std::collections::BTreeSet;

use host_call::now_unix_ms;
use host_core::update::{Reason, UpdatePolicy};
use host_core::{PluginId, Revision, Source};
use semver::Version;

use crate::model::Error;

/// The result of a check for updates.
///
/// It describes the version that was installed at the time of the check and is outdated once another one is installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateReport {
    /// The time of the check, in milliseconds since the Unix epoch.
    pub checked_at_unix_ms: u64,
    /// The installed version.
    pub installed: Version,
    /// The installed commit, if known.
    pub commit: Option<String>,
    /// The newest version, whether or not the policy allows it; `None` if it is installed.
    pub newest: Option<Update>,
    /// The newest version that the policy allows; `None` if it is installed, and under the policies `manual` and
    /// `pinned`.
    pub allowed: Option<Update>,
    /// The newer versions that the policy does not allow, with the reasons; newest first.
    pub held_back: Vec<(Version, Reason)>,
    /// The failure of the check.
    pub error: Option<UpdateFailure>,
}

/// A newer version, or a newer commit of a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The version of the tag; `None` for a branch, whose version is unknown before it is fetched.
    pub version: Option<Version>,
    /// The revision to load from the plugin's repository.
    pub revision: Revision,
    /// The commit of the revision, 40 hex digits.
    pub commit: String,
}

/// The failure of a check for updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateFailure {
    /// The stable error code.
    pub code: &'static str,
    /// The error and its causes, in one line.
    pub message: String,
    /// The remedy.
    pub fix: Option<String>,
}

impl UpdateReport {
    /// A report without newer versions.
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

/// A plugin that is checked for updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The plugin.
    pub id: PluginId,
    /// The source. Only repositories are checked.
    pub source: Source,
    /// The installed version.
    pub installed: Version,
    /// The installed commit.
    pub commit: Option<String>,
    /// The update policy. Plugins with the policy `pinned` are not checked.
    pub policy: UpdatePolicy,
    /// The versions that updates never choose.
    pub blocked: BTreeSet<Version>,
    /// The time of the last check, in milliseconds since the Unix epoch, if known: a host that restarts does not repeat
    /// a recent check.
    pub last_check_unix_ms: Option<u64>,
}
