//! Folders, prebuilt libraries and archives on this machine.
#![allow(clippy::unwrap_used, reason = "the whole file is a test")]

mod folders;
mod libraries;
mod links;
mod refused;
#[path = "../support/store.rs"]
mod store;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_core::Source;
use host_fetch::{Config, Error, Fetched, Trust, fetch};
use host_store::Tree;
use store::Place;

impl Place {
    /// Writes files that contain their own names, and returns their folder.
    fn write(&self, files: &[&str]) -> PathBuf {
        for name in files {
            let path = self.folder.path().join("source").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            File::create(path).unwrap().write_all(name.as_bytes()).unwrap();
        }
        self.folder.path().join("source")
    }

    fn fetch(&self, source: &Source, trust: Trust, config: &Config) -> Result<Fetched, Error> {
        let result = fetch(&self.store, config, source, trust, &Arc::default());
        self.assert_no_temporary_files();
        result
    }

    fn tree(&self, path: &Path) -> Result<Tree, Error> {
        let source = path.to_str().unwrap().parse().unwrap();
        self.fetch(&source, Trust::CommandLine, &Config::default()).map(|fetched| fetched.tree)
    }

    /// Asserts that a path is refused with a code and a message that contains `evidence`, and that no tree is stored.
    fn refused(&self, path: &Path, code: &str, evidence: &str) {
        let error = self.tree(path).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(evidence), "`{error}` does not name `{evidence}`");
        assert_eq!(self.store.usage().unwrap().trees, 0);
    }
}
