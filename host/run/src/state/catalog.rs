//! The cached content of the indexes of plugins.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use host_core::Source;
use host_core::index::{Index, IndexEntry, IndexVersion};
use parking_lot::Mutex;
use semver::Version;

/// The cached content of the indexes.
#[derive(Default)]
pub(crate) struct Catalog {
    /// Held while an index is read.
    pub(crate) turn: tokio::sync::Mutex<()>,
    read: Mutex<BTreeMap<String, KeptIndex>>,
}

/// The cached content of one index.
#[derive(Clone)]
pub(crate) struct KeptIndex {
    /// The content of the last successful read.
    pub(crate) index: Option<Arc<Index>>,
    pub(crate) read_unix_ms: Option<u64>,
    pub(crate) tried: Instant,
    /// The error of the last read.
    pub(crate) error: Option<(&'static str, String)>,
}

/// The state of one index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexReport {
    /// The location.
    pub place: String,
    /// The name that the index gives itself.
    pub name: String,
    /// The number of its plugins that are listed.
    pub n_plugins: usize,
    /// The entries that were left out, with the reasons.
    pub refused: Vec<(String, String)>,
    /// The time of the last successful read, in milliseconds since the Unix epoch.
    pub read_unix_ms: Option<u64>,
    /// The error of the last read: code and message.
    pub error: Option<(&'static str, String)>,
}

/// A plugin that can be installed.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedPlugin {
    /// The index that lists it.
    pub index: String,
    /// The entry of the index.
    pub entry: IndexEntry,
    /// The installed version.
    pub installed: Option<Version>,
    /// Whether the installed version comes from the same repository.
    pub is_same: bool,
}

impl ListedPlugin {
    /// The newest offered version, if it is newer than the one installed from the same repository.
    pub fn newer(&self) -> Option<&IndexVersion> {
        let installed = self.installed.as_ref().filter(|_| self.is_same)?;
        self.entry.latest().filter(|latest| latest.version > *installed)
    }
}

impl Catalog {
    pub(crate) fn get(&self, place: &str) -> Option<KeptIndex> {
        self.read.lock().get(place).cloned()
    }

    pub(crate) fn put(&self, place: &Source, kept: KeptIndex) {
        self.read.lock().insert(place.to_string(), kept);
    }
}
