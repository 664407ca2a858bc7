//! The build of a plugin, prebuilt libraries and checksums.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Digest, TreePath};

/// The build of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// Cargo features, each safe as part of an argument.
    pub features: Vec<String>,
    /// The cargo profile.
    pub profile: Profile,
    /// Environment of the build.
    pub env: BTreeMap<String, String>,
    /// The deadline of the build.
    pub timeout: Duration,
}

/// A cargo profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Optimised.
    #[default]
    Release,
    /// Quick to build.
    Dev,
}

/// A prebuilt library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prebuilt {
    /// The https URL of the library.
    pub url: String,
    /// The required digest of the library.
    pub sha256: Digest,
}

/// The checksums of a tree's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checksums {
    /// Whether unlisted files are refused.
    pub complete: bool,
    /// The digest of each listed file.
    pub files: BTreeMap<TreePath, Digest>,
}

impl Profile {
    /// The name in plugin.yaml and for cargo's `--profile`.
    pub fn as_str(self) -> &'static str {
        match self {
            Profile::Release => "release",
            Profile::Dev => "dev",
        }
    }
}

impl Default for Build {
    fn default() -> Build {
        let timeout = Duration::from_secs(900);
        Build { features: Vec::new(), profile: Profile::Release, env: BTreeMap::new(), timeout }
    }
}
