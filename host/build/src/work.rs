//! The copy of a tree that cargo works in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use host_core::Digest;
use host_store::{Store, Tree, atomic};

use crate::Error;
use crate::cargo_toml::Package;
use crate::error::IoContext as _;

/// A folder that cargo works in, removed when it is dropped.
pub(crate) struct Work {
    path: PathBuf,
}

impl Work {
    /// An empty folder. What a crash left there is removed.
    pub(crate) fn empty(store: &Store, name: &Digest) -> Result<Work, Error> {
        let work = Work { path: store.work_dir(name) };
        match fs::remove_dir_all(&work.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).context("empty", &work.path)?,
            _ => {}
        }
        fs::create_dir_all(&work.path).context("create", &work.path)?;
        Ok(work)
    }

    /// A copy of a tree.
    pub(crate) fn copy(store: &Store, name: &Digest, tree: &Tree, package: &Package) -> Result<Work, Error> {
        let work = Work::empty(store, name)?;
        tree.copy_to(&work.path)?;
        if !package.has_workspace {
            // cargo looks for a workspace in every folder above, and the build cache may lie inside one.
            let path = work.path.join("Cargo.toml");
            let mut text = fs::read_to_string(&path).context("read", &path)?;
            text.push_str("\n[workspace]\n");
            work.write("Cargo.toml", &text)?;
        }
        Ok(work)
    }

    /// Where it is. Absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file; its folder must be there.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        atomic::write(&path, text.as_bytes(), 0o644).context("write", &path)
    }

    /// The text of Cargo.lock; empty when there is none.
    pub(crate) fn lock_file(&self) -> String {
        fs::read_to_string(self.path.join("Cargo.lock")).unwrap_or_default()
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), error = &error as &dyn std::error::Error, "a work folder stays");
        }
    }
}
