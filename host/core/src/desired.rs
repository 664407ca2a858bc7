//! The desired state of a plugin. It is stored on disk, and the actual state follows it.

use std::collections::BTreeSet;

use semver::Version;
use serde_json::{Map, Value};

use crate::manifest::Placement;
use crate::update::UpdatePolicy;
use crate::{Digest, Manifest, PluginId, Source, Trust};

/// The desired state of one plugin.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// The plugin.
    pub id: PluginId,
    /// The goal.
    pub goal: Goal,
    /// The version to serve.
    pub current: Pick,
    /// The earlier versions that a rollback can restore, newest first.
    pub rollback_versions: Vec<Pick>,
    /// The operator's configuration layer. Its secrets are encrypted.
    pub configuration: Map<String, Value>,
    /// The placement of the code.
    pub placement: Placement,
    /// The permissions of the plugin.yaml that the operator last accepted.
    pub grants: BTreeSet<String>,
    /// The update policy.
    pub update: UpdatePolicy,
    /// Versions that no update may choose.
    pub blocked: BTreeSet<Version>,
    /// The reason for a quarantine.
    pub quarantine: Option<String>,
}

/// The goal of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Goal {
    /// The plugin is installed and was never started.
    Installed,
    /// The plugin serves.
    Running,
    /// The plugin is stopped but still enabled, so that other plugins may depend on it.
    Stopped,
    /// The plugin does not serve.
    Disabled,
    /// Being removed. Stored until the removal is complete, so that the host continues it after a crash.
    Absent {
        /// Whether the plugin's stored data is kept.
        keep_data: bool,
    },
}

/// One built version of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// The version that its plugin.yaml names.
    pub version: Version,
    /// The source.
    pub source: Source,
    /// The origin of the source.
    pub trust: Trust,
    /// The commit, for a git source.
    pub commit: Option<String>,
    /// The branch or tag of the commit, such as `refs/tags/v1.0.0`; `None` for a commit id, and for versions
    /// that an older host installed.
    pub reference: Option<String>,
    /// The version of the tag that an update installed. The version in plugin.yaml may differ if its author forgot to
    /// change it.
    pub tag: Option<Version>,
    /// The artifact.
    pub artifact: Digest,
    /// The time of its installation, in milliseconds since 1970.
    pub loaded_unix_ms: u64,
}

impl Goal {
    /// The name for clients.
    pub fn as_str(self) -> &'static str {
        match self {
            Goal::Installed => "installed",
            Goal::Running => "running",
            Goal::Stopped => "stopped",
            Goal::Disabled => "disabled",
            Goal::Absent { .. } => "absent",
        }
    }

    /// Returns whether other plugins may depend on this one.
    pub fn is_enabled(self) -> bool {
        matches!(self, Goal::Running | Goal::Stopped)
    }
}

impl Pick {
    /// The tag that led to the commit, without `refs/tags/`.
    pub fn tag_name(&self) -> Option<&str> {
        self.reference.as_deref()?.strip_prefix("refs/tags/")
    }
}

impl Desired {
    /// Creates the state of a new plugin.
    pub fn new(manifest: &Manifest, goal: Goal, current: Pick) -> Desired {
        Desired {
            id: manifest.id.clone(),
            goal,
            current,
            rollback_versions: vec![],
            configuration: Map::new(),
            placement: manifest.security.placement,
            grants: manifest.permissions.iter().cloned().collect(),
            update: UpdatePolicy::default(),
            blocked: BTreeSet::new(),
            quarantine: None,
        }
    }

    /// Selects another version. The previous version becomes a rollback version; of these, the newest
    /// `max_rollback_versions` are stored, each once.
    pub fn pick(&mut self, manifest: &Manifest, current: Pick, max_rollback_versions: usize) {
        let before = std::mem::replace(&mut self.current, current);
        self.rollback_versions.insert(0, before);
        let mut seen = BTreeSet::from([self.current.artifact]);
        self.rollback_versions.retain(|pick| seen.insert(pick.artifact));
        self.rollback_versions.truncate(max_rollback_versions);
        self.placement = manifest.security.placement;
        self.grants = manifest.permissions.iter().cloned().collect();
    }

    /// Blocks the serving version, so that no update chooses it again.
    pub fn block_current(&mut self) {
        self.blocked.extend([self.current.version.clone()].into_iter().chain(self.current.tag.clone()));
    }

    /// The permissions of `manifest` that the plugin did not have before.
    pub fn new_permissions<'a>(&self, manifest: &'a Manifest) -> Vec<&'a str> {
        let permissions = manifest.permissions.iter().map(String::as_str);
        permissions.filter(|permission| !self.grants.contains(*permission)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Mode;

    fn manifest(version: &str, permissions: &str) -> Manifest {
        let text = format!(
            "id: abc\nname: A\nversion: {version}\npermissions: [{permissions}]\nendpoints:\n\
             - {{path: /, method: GET, handler: root}}\n"
        );
        Manifest::check(text.as_bytes(), Mode::Normal).unwrap().manifest
    }

    fn pick(version: &str) -> Pick {
        Pick {
            version: version.parse().unwrap(),
            source: "https://github.com/a/b".parse().unwrap(),
            trust: Trust::Http,
            commit: None,
            reference: None,
            tag: None,
            artifact: Digest::compute(version.as_bytes()),
            loaded_unix_ms: 1,
        }
    }

    #[test]
    fn a_limited_number_of_earlier_versions_is_stored_each_once() {
        let mut desired = Desired::new(&manifest("1.0.0", ""), Goal::Running, pick("1.0.0"));
        let mut after = |version: &str| {
            desired.pick(&manifest(version, ""), pick(version), 2);
            let earlier = desired.rollback_versions.iter().map(|pick| pick.version.to_string());
            format!("{} {}", desired.current.version, earlier.collect::<Vec<_>>().join(","))
        };
        assert_eq!(after("1.1.0"), "1.1.0 1.0.0");
        assert_eq!(after("1.1.0"), "1.1.0 1.0.0");
        assert_eq!(after("1.0.0"), "1.0.0 1.1.0");
        assert_eq!(after("2.0.0"), "2.0.0 1.0.0,1.1.0");
        assert_eq!(after("3.0.0"), "3.0.0 2.0.0,1.0.0");
    }

    #[test]
    fn new_permissions_are_listed() {
        let desired = Desired::new(&manifest("1.0.0", "kv.read"), Goal::Running, pick("1.0.0"));
        assert_eq!(desired.new_permissions(&manifest("1.1.0", "kv.write, kv.read")), ["kv.write"]);
    }
}
