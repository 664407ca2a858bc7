//! The targets of a plan, so that the plan can be applied later, and by another host process.

use std::collections::BTreeSet;

use host_core::update::UpdatePolicy;
use host_core::{Digest, Goal, PluginId, Source, Trust};
use semver::Version;
use serde_json::{Map, Value};

/// The target of a plan for one plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The plugin.
    pub id: PluginId,
    /// The revision that the plan was made from; 0 for a plugin that was not installed. The target is refused if the
    /// plugin has another revision.
    pub revision: u64,
    /// The target state.
    pub state: TargetState,
}

/// The target state of a plugin.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetState {
    /// Removed; its data is kept.
    Absent,
    /// Installed.
    Present(Box<PresentState>),
}

/// The target state of an installed plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct PresentState {
    /// The version to install; `None` keeps the installed version.
    pub pick: Option<TargetPick>,
    /// The goal; never [`Goal::Absent`].
    pub goal: Goal,
    /// The operator's settings; secrets that they do not mention are kept. `None` leaves the settings unchanged.
    pub configuration: Option<Map<String, Value>>,
    /// The update policy; `None` leaves it unchanged.
    pub update: Option<UpdatePolicy>,
    /// The blocked versions; `None` leaves them unchanged.
    pub blocked: Option<BTreeSet<Version>>,
}

/// The version that a plan installs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetPick {
    /// The source, as updates see it.
    pub source: Source,
    /// The trust in the client that named the source.
    pub trust: Trust,
    /// The commit, for a git source.
    pub commit: Option<String>,
    /// The branch or tag that led to the commit.
    pub reference: Option<String>,
    /// The fetched tree; `None` for the installed version.
    pub tree: Option<Digest>,
    /// The artifact that a build must produce; `None` accepts every artifact.
    pub artifact: Option<Digest>,
}
