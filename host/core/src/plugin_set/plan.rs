//! The plan that matches a host with a file, and the facts it is computed from.

use semver::Version;
use serde_json::{Map, Value};

use crate::configuration;
use crate::graph::Node;
use crate::{Desired, Digest, Goal, Manifest, PluginId, Source};

/// A plugin that is installed.
#[derive(Clone, Debug)]
pub struct InstalledPlugin {
    /// The desired state.
    pub desired: Desired,
    /// Its plugin.yaml; `None` if its artifact is lost.
    pub manifest: Option<Manifest>,
    /// The operator's configuration, with decrypted secrets.
    pub configuration: Map<String, Value>,
    /// The JSON pointers of its secrets.
    pub secrets: Vec<String>,
}

/// The content of an entry's source.
#[derive(Clone, Debug)]
pub struct FetchedSource {
    /// Its plugin.yaml.
    pub manifest: Manifest,
    /// The source with absolute paths.
    pub source: Source,
    /// The commit, for a git source.
    pub commit: Option<String>,
    /// The result of a build, as far as it is known without building.
    pub artifact: Option<Digest>,
    /// The configuration that would be set, with decrypted secrets; `None` leaves it unchanged.
    pub configuration: Option<Map<String, Value>>,
    /// The JSON pointers of its secrets.
    pub secrets: Vec<String>,
}

/// The changes in order: each one is possible after the ones before it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// At most one step per plugin, including plugins without changes.
    pub steps: Vec<PluginPlan>,
}

/// The changes of one plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginPlan {
    /// The plugin.
    pub id: PluginId,
    /// Its place in the file; `None` for a plugin that is not listed.
    pub entry: Option<usize>,
    /// The changes; empty if there are none.
    pub changes: Vec<PlannedChange>,
    /// Permissions that the new plugin.yaml lists and the old one did not.
    pub new_permissions: Vec<String>,
    /// Enabled dependants, if the version changes or the plugin stops serving.
    pub affected: Vec<PluginId>,
}

/// One change of a plugin.
#[derive(Clone, Debug, PartialEq)]
pub enum PlannedChange {
    /// The plugin is installed.
    Install(At),
    /// Another version, source or build is installed.
    Replace {
        /// The installed version.
        from: At,
        /// The new version.
        to: At,
    },
    /// The operator's configuration changes. Secrets are masked.
    Configure(Vec<configuration::Change>),
    /// The goal changes.
    Goal {
        /// The current goal; `None` for a new plugin.
        from: Option<Goal>,
        /// The new goal.
        to: Goal,
    },
    /// The update policy changes.
    UpdatePolicy,
    /// The plugin is unloaded; its stored data is kept.
    Unload(At),
}

/// A version and its source.
#[derive(Clone, Debug, PartialEq)]
pub struct At {
    /// The version.
    pub version: Version,
    /// The source.
    pub source: Source,
    /// The commit, for a git source.
    pub commit: Option<String>,
}

impl InstalledPlugin {
    /// Returns the node in the graph; `None` if it affects no other plugin.
    pub(super) fn node(&self) -> Option<Node> {
        let leaves = matches!(self.desired.goal, Goal::Absent { .. });
        let manifest = self.manifest.as_ref().filter(|_| !leaves)?;
        Some(Node::from_manifest(manifest, self.desired.goal.is_enabled()))
    }
}

impl At {
    pub(super) fn from_pick(pick: &crate::Pick) -> At {
        At { version: pick.version.clone(), source: pick.source.clone(), commit: pick.commit.clone() }
    }
}

impl Plan {
    /// Returns whether there are no changes.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| step.changes.is_empty())
    }
}
