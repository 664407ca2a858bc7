//! The plugins that the indexes list, as they were read last.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use host_core::Source;
use host_core::index::{Index, IndexEntry, IndexVersion};
use parking_lot::Mutex;
use semver::Version;

/// What the indexes said.
#[derive(Default)]
pub(crate) struct Catalog {
    /// PluginLease by the one who reads.
    pub(crate) turn: tokio::sync::Mutex<()>,
    read: Mutex<BTreeMap<String, KeptIndex>>,
}

/// What one index said.
#[derive(Clone)]
pub(crate) struct KeptIndex {
    /// Its content when it could be read last.
    pub(crate) index: Option<Arc<Index>>,
    pub(crate) read_unix_ms: Option<u64>,
    pub(crate) tried: Instant,
    /// Why it could not be read.
    pub(crate) error: Option<(&'static str, String)>,
}

/// One index.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexReport {
    /// Where it lies.
    pub place: String,
    /// What it calls itself.
    pub name: String,
    /// How many of its plugins are listed.
    pub n_plugins: usize,
    /// What of it is left out, and why.
    pub refused: Vec<(String, String)>,
    /// When it was read, in milliseconds since 1970; `None` before the first time.
    pub read_unix_ms: Option<u64>,
    /// Why it could not be read when that was tried last: a word, and a sentence.
    pub error: Option<(&'static str, String)>,
}

/// A plugin that can be installed.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedPlugin {
    /// The index that lists it.
    pub index: String,
    /// What the index says.
    pub entry: IndexEntry,
    /// The version that is installed, if one is.
    pub installed: Option<Version>,
    /// Whether what is installed comes from the same repository.
    pub is_same: bool,
}

impl ListedPlugin {
    /// The newest version that is offered, when it is newer than what is installed from the same repository.
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
