//! What a plan does with one plugin, so that it can be done later, and by another host than the one that planned.

use std::collections::BTreeSet;

use host_core::update::UpdateRule;
use host_core::{Digest, Goal, PluginId, Source, Trust};
use semver::Version;
use serde_json::{Map, Value};

/// What a plan does with one plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The plugin.
    pub id: PluginId,
    /// The revision that the plan was made from; 0 for none. Another one refuses it.
    pub revision: u64,
    /// What becomes of it.
    pub state: TargetState,
}

/// What becomes of a plugin.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetState {
    /// It goes; what the host keeps for it stays.
    Absent,
    /// It is there as this says.
    Present(Box<PresentState>),
}

/// How a plugin is to be there.
#[derive(Clone, Debug, PartialEq)]
pub struct PresentState {
    /// Another version; `None` leaves the one that is installed.
    pub pick: Option<TargetPick>,
    /// What it is to do; never [`Goal::Absent`].
    pub goal: Goal,
    /// What the operator sets; secrets that it does not name stay. `None` leaves what is set.
    pub configuration: Option<Map<String, Value>>,
    /// Which newer versions are taken; `None` leaves the rule.
    pub update: Option<UpdateRule>,
    /// Versions that no update may choose; `None` leaves them.
    pub blocked: Option<BTreeSet<Version>>,
}

/// A version that is to be built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetPick {
    /// Where it comes from, as updates are to see it.
    pub source: Source,
    /// Who names the source.
    pub trust: Trust,
    /// The commit, for a git source.
    pub commit: Option<String>,
    /// What was fetched; `None` for what is installed already.
    pub tree: Option<Digest>,
    /// What a build must give.
    pub artifact: Option<Digest>,
}
