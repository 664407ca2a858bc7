//! Unpacking ZIP archives: the trees that they become, and the refusals.
#![allow(clippy::unwrap_used, reason = "the whole file is a test")]

mod accepted;
mod refused;
#[path = "../support/store.rs"]
mod store;
mod writers;
#[path = "../../../../tests/support/zip_builder.rs"]
mod zip_builder;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;

use host_fetch::{ArchiveLimits, Error, Fetched, unpack};
use host_store::Tree;
use store::{Place, names, place};
use zip_builder::{Archive, Entry};

impl Place {
    fn unpack(&self, bytes: &[u8], limits: &ArchiveLimits) -> Result<Tree, Error> {
        self.fetch(bytes, limits).map(|fetched| fetched.tree)
    }

    fn fetch(&self, bytes: &[u8], limits: &ArchiveLimits) -> Result<Fetched, Error> {
        let path = self.folder.path().join("archive.zip");
        File::create(&path).unwrap().write_all(bytes).unwrap();
        let result = unpack(&self.store, limits, &path);
        self.assert_no_temporary_files();
        if result.is_err() {
            assert_eq!(fs::read_dir(self.store.plugin_dir().join("trees")).unwrap().count(), 0, "a tree is left");
        }
        result
    }
}

fn listing(tree: &Tree) -> BTreeMap<String, (String, bool)> {
    let read = |path| String::from_utf8_lossy(&tree.read(path, 1 << 20).unwrap()).into_owned();
    tree.files().iter().map(|file| (file.path.to_string(), (read(&file.path), file.executable))).collect()
}

fn hello() -> Vec<Entry> {
    vec![
        Entry::deflated("plugin.yaml", b"id: hello"),
        Entry::stored("src/lib.rs", b"fn main() {}"),
        Entry::deflated("run.sh", b"#!/bin/sh").with(|entry| entry.attributes = 0o100_755 << 16),
    ]
}

/// Asserts that an archive is refused with a code and a message that contains `evidence`.
fn refused(rule: &str, archive: &Archive, code: &str, evidence: &str) {
    refused_bytes(rule, &archive.bytes(), code, evidence);
}

fn refused_bytes(rule: &str, bytes: &[u8], code: &str, evidence: &str) {
    let Err(error) = place().unpack(bytes, &ArchiveLimits::default()) else { panic!("accepted: {rule}") };
    assert_eq!(error.code(), code, "{rule}: {error}");
    assert!(error.to_string().contains(evidence), "{rule}: `{error}` does not name `{evidence}`");
}

fn refused_entry(rule: &str, entry: Entry, code: &str, evidence: &str) {
    refused(rule, &Archive::of([Entry::stored("plugin.yaml", b"id: hello"), entry]), code, evidence);
}
