//! Stores for tests.
#![allow(dead_code, reason = "each test program that includes this file uses a part of it")]

use std::fs;
use std::path::Path;

use host_store::{Config, Store, Tree, TreeLimits};

/// Limits that a test reaches with a few small files.
pub(crate) const SMALL: TreeLimits = TreeLimits { max_files: 50, max_total_bytes: 1 << 20, max_file_bytes: 100_000 };

/// A store in a temporary folder. Each test program adds the methods that fetch into the store.
pub(crate) struct Place {
    pub(crate) store: Store,
    pub(crate) folder: tempfile::TempDir,
}

/// Returns an empty store with the limits of a host.
pub(crate) fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    Place { store: open_store(folder.path(), TreeLimits::default()), folder }
}

impl Place {
    pub(crate) fn assert_no_temporary_files(&self) {
        assert_eq!(fs::read_dir(self.store.plugin_dir().join("tmp")).unwrap().count(), 0, "temporary files are left");
    }
}

/// Opens a store in a folder.
pub(crate) fn open_store(folder: &Path, limits: TreeLimits) -> Store {
    let (plugin_dir, cache_dir) = (folder.join("cache"), folder.join("build_cache"));
    Store::open(Config { plugin_dir, cache_dir, limits }).unwrap()
}

/// Returns the paths of a tree's files, in order, separated by spaces.
pub(crate) fn names(tree: &Tree) -> String {
    tree.files().iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join(" ")
}
