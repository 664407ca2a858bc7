//! Temporary folders.

use std::path::Path;

/// A private folder below the store's `tmp/`, removed with its content on drop.
#[derive(Debug)]
pub struct TempDir(pub(crate) tempfile::TempDir);

impl TempDir {
    /// The path. Absolute; accessible by the owner only.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}
