//! The placement of a plugin and its access to the network.

use super::AllowedHost;
use crate::Digest;

/// Placement and network access of a plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// The placement.
    pub placement: Placement,
    /// Whether the plugin uses the network. Otherwise the host sends no requests for it.
    pub network_access: bool,
    /// The servers that the host may fetch from for the plugin.
    pub allowed_hosts: Vec<AllowedHost>,
    /// Whether the plugin declares the use of files.
    pub filesystem_access: bool,
    /// The required digest of a prebuilt library.
    pub checksum: Option<Digest>,
}

/// The placement of plugin code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placement {
    /// In the host's process.
    #[default]
    Inline,
    /// In a child process.
    Isolated,
}

impl Placement {
    /// The name in plugin.yaml.
    pub fn as_str(self) -> &'static str {
        match self {
            Placement::Inline => "inline",
            Placement::Isolated => "isolated",
        }
    }
}
