//! The relations of a plugin to other plugins.

use semver::VersionReq;

use crate::PluginId;

/// A required plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The other plugin.
    pub id: PluginId,
    /// The required versions; `None` for any version.
    pub version: Option<VersionReq>,
    /// Whether the plugin also works without it.
    pub optional: bool,
}

/// A conflicting plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The other plugin.
    pub id: PluginId,
    /// The conflicting versions; `None` for any version.
    pub version: Option<VersionReq>,
}
