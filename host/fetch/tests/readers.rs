//! What is accepted is the same tree for every ZIP reader of this machine. Readers that are not installed are named.
#![allow(clippy::unwrap_used, reason = "the whole file is a test")]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a test says what it left out")]
#![allow(clippy::disallowed_methods, reason = "a test writes files and compares with other programs")]

#[path = "readers/others.rs"]
mod others;
#[path = "support/store.rs"]
mod store;
#[path = "readers/variants.rs"]
mod variants;
#[path = "../../../tests/support/zip_builder.rs"]
mod zip_builder;

use std::fs;

use host_fetch::{ArchiveLimits, unpack};
use host_store::TreeLimits;
use others::Contest;
use store::open_store;
use zip_builder::{Archive, Entry};

/// Archives that the host accepts, with the files that it sees.
fn contest(archives: impl IntoIterator<Item = (String, Vec<u8>)>) -> Contest {
    let mut contest = Contest::new();
    let store = open_store(&contest.path().join("host"), TreeLimits::default());
    for (name, bytes) in archives {
        let path = contest.path().join("archive.zip");
        fs::write(&path, &bytes).unwrap();
        let Ok(fetched) = unpack(&store, &ArchiveLimits::default(), &path) else { continue };
        // Files that are left out are named in a warning.
        if fetched.warnings.is_empty() {
            contest.add(&name, &bytes, |folder| fetched.tree.copy_to(folder).unwrap());
        }
        drop(fetched);
        store.remove_unused(&Default::default(), &Default::default()).unwrap();
    }
    contest
}

fn hello() -> Vec<Entry> {
    vec![
        Entry::deflated("plugin.yaml", b"id: hello"),
        Entry::stored("src/lib.rs", b"fn main() {}"),
        Entry::deflated("run.sh", b"#!/bin/sh").with(|entry| entry.attributes = 0o100_755 << 16),
    ]
}

#[test]
fn every_reader_reads_a_well_formed_archive() {
    let contest = contest([("plain".to_owned(), Archive::of(hello()).bytes())]);
    let n_read = contest.compare();
    for (reader, n_read) in &n_read {
        assert_eq!(*n_read, 1, "{reader}");
    }
    assert!(!n_read.is_empty(), "this machine has no ZIP reader but the host");
}

#[test]
fn a_changed_byte_is_refused_or_every_reader_sees_the_same() {
    let good = Archive::of(hello().into_iter().chain([Entry::deflated("piped", b"x").streamed(true)]));
    let bytes = good.with(|archive| archive.comment = b"0123456789abcdef".to_vec()).bytes();
    let changed = (0..bytes.len()).flat_map(|at| [0x01, 0x08, 0x20, 0x80, 0xff].map(|change| (at, change)));
    let contest = contest(changed.map(|(at, change)| {
        let mut changed = bytes.clone();
        changed[at] ^= change;
        (format!("byte {at} ^ {change:02x}"), changed)
    }));
    // Times, comments and the writer's system say nothing about the files.
    assert!(contest.n_archives() > 50, "{}", contest.n_archives());
    contest.compare();
}

#[test]
fn an_archive_with_an_archive_in_a_file_is_the_same_tree_for_every_reader() {
    let inner = Archive::of([Entry::stored("build.rs", b"hidden"), Entry::deflated("plugin.yaml", b"id: other")]);
    let commented = inner.clone().with(|archive| archive.comment = b"a comment".to_vec());
    let padded = inner.clone().with(|archive| archive.suffix = vec![0; 600]);
    let wrapped = Archive::of([Entry::stored("inner.zip", &inner.bytes())]);
    let empty = Archive::of([]);
    let large = inner.clone().with_zip64_end(true);
    let mut archives = vec![];
    for (name, inner) in [
        ("plain", inner),
        ("with a comment", commented),
        ("padded", padded),
        ("in another one", wrapped),
        ("empty", empty),
        ("with ZIP64", large),
    ] {
        let bytes = inner.bytes();
        for (how, entry) in [
            ("stored", Entry::stored("assets/data.zip", &bytes)),
            ("deflated", Entry::deflated("assets/data.zip", &bytes)),
            ("deflated and streamed", Entry::deflated("assets/data.zip", &bytes).streamed(true)),
        ] {
            for at in [0, 2, 3] {
                let mut entries = hello();
                entries.insert(at, entry.clone());
                let outer = Archive::of(entries);
                let commented = outer.clone().with(|archive| archive.comment = b"0123456789abcdef".to_vec());
                let large = outer.clone().with_zip64_end(true);
                for (form, outer) in [("plain", outer), ("commented", commented), ("ZIP64", large)] {
                    archives.push((format!("{name} archive, {how} as entry {at}, outer {form}"), outer.bytes()));
                }
            }
        }
    }
    let n_archives = archives.len();
    let contest = contest(archives);
    assert_eq!(contest.n_archives(), n_archives, "all are accepted");
    println!("{n_archives} accepted, read by {:?}", contest.compare());
}

#[test]
fn an_accepted_variant_is_the_same_tree_for_every_reader() {
    let contest = contest((0..variants::COUNT).map(|seed| variants::variant(seed, hello())));
    assert!(contest.n_archives() > 100, "{}", contest.n_archives());
    println!("{} accepted, read by {:?}", contest.n_archives(), contest.compare());
}
