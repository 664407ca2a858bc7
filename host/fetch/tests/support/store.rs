//! Stores for tests.
#![allow(dead_code, reason = "each test program that includes this file uses a part of it")]

use std::path::Path;

use host_store::{Config, Store, TreeLimits};

/// Limits that a test reaches with a few small files.
pub(crate) const SMALL: TreeLimits = TreeLimits { max_files: 50, max_total_bytes: 1 << 20, max_file_bytes: 100_000 };

/// Opens a store in a folder.
pub(crate) fn open_store(folder: &Path, limits: TreeLimits) -> Store {
    let (plugin_dir, cache_dir) = (folder.join("cache"), folder.join("build_cache"));
    Store::open(Config { plugin_dir, cache_dir, limits }).unwrap()
}
