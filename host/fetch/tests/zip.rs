//! Archives: what is accepted, and one archive for every rule that refuses one.
#![allow(clippy::unwrap_used, reason = "the whole file is a test")]

#[path = "support/store.rs"]
mod store;
#[path = "../../../tests/support/zip_builder.rs"]
mod zip_builder;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use host_fetch::{ArchiveLimits, Error, Fetched, unpack};
use host_store::{Store, Tree, TreeLimits};
use store::open_store;
use zip_builder::{Archive, Entry};

struct Place {
    store: Store,
    folder: tempfile::TempDir,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    Place { store: open_store(folder.path(), TreeLimits::default()), folder }
}

impl Place {
    fn unpack(&self, bytes: &[u8], limits: &ArchiveLimits) -> Result<Tree, Error> {
        self.fetch(bytes, limits).map(|fetched| fetched.tree)
    }

    fn fetch(&self, bytes: &[u8], limits: &ArchiveLimits) -> Result<Fetched, Error> {
        let path = self.folder.path().join("archive.zip");
        File::create(&path).unwrap().write_all(bytes).unwrap();
        let result = unpack(&self.store, limits, &path);
        assert_eq!(fs::read_dir(self.store.plugin_dir().join("tmp")).unwrap().count(), 0, "temporary files are left");
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

fn names(tree: &Tree) -> String {
    tree.files().iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join(" ")
}

fn hello() -> Vec<Entry> {
    vec![
        Entry::deflated("plugin.yaml", b"id: hello"),
        Entry::stored("src/lib.rs", b"fn main() {}"),
        Entry::deflated("run.sh", b"#!/bin/sh").with(|entry| entry.attributes = 0o100_755 << 16),
    ]
}

/// A stored entry with compression.
fn repacked(entry: Entry) -> Entry {
    let name = String::from_utf8(entry.local.name).unwrap();
    Entry { attributes: entry.attributes, ..Entry::deflated(&name, &entry.data) }
}

/// What one refused archive is called, the code it is refused with, and what the message names.
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

#[test]
fn a_well_formed_archive_becomes_a_tree() {
    let place = place();
    let tree = place.unpack(&Archive::of(hello()).bytes(), &ArchiveLimits::default()).unwrap();
    assert_eq!(names(&tree), "plugin.yaml run.sh src/lib.rs");
    assert_eq!(listing(&tree)["run.sh"], ("#!/bin/sh".to_owned(), true));
    assert_eq!(listing(&tree)["src/lib.rs"], ("fn main() {}".to_owned(), false));
    assert_eq!(tree.manifest_text().unwrap(), b"id: hello");
}

#[test]
fn the_forms_that_common_writers_use_are_accepted() {
    let place = place();
    let expected = place.unpack(&Archive::of(hello()).bytes(), &ArchiveLimits::default()).unwrap().digest();
    let each = |change: fn(Entry) -> Entry| Archive::of(hello().into_iter().map(change));
    let packed = |change: fn(Entry) -> Entry| {
        let deflated = |entry: Entry| if entry.local.method == 0 { repacked(entry) } else { entry };
        Archive::of(hello().into_iter().map(|entry| change(deflated(entry))))
    };
    let dotted = |mut entries: Vec<Entry>| {
        for header in entries.iter_mut().flat_map(|entry| [&mut entry.local, &mut entry.central]) {
            header.name = [b"./", header.name.as_slice()].concat();
        }
        entries.insert(0, Entry::folder("./"));
        Archive::of(entries)
    };
    let in_folder = |mut entries: Vec<Entry>| {
        for header in entries.iter_mut().flat_map(|entry| [&mut entry.local, &mut entry.central]) {
            header.name = [b"hello-main/", header.name.as_slice()].concat();
        }
        entries.insert(0, Entry::folder("hello-main/"));
        Archive::of(entries).with(|archive| archive.comment = "0123456789abcdef".repeat(2).into_bytes())
    };
    for (form, archive) in [
        ("streamed with a signature", each(|entry| entry.streamed(true))),
        ("streamed without a signature", packed(|entry| entry.streamed(false))),
        (
            "of a known size, though streamed",
            each(|entry| entry.streamed(true).with(|e| e.local.bytes = e.central.bytes)),
        ),
        ("streamed with ZIP64", each(|entry| entry.zip64_in_front().streamed(true))),
        ("with ZIP64 in front of the data", each(Entry::zip64_in_front)),
        ("with ZIP64 in the directory", each(Entry::zip64_in_the_directory)),
        ("with the end record of ZIP64", Archive::of(hello()).with_zip64_end(false)),
        ("with the end record of ZIP64 only", Archive::of(hello()).with_zip64_end(true)),
        ("with `./` in front of the names", dotted(hello())),
        ("padded by a pipe", Archive::of(hello()).with(|archive| archive.suffix = vec![0; 10_239])),
        ("with attributes of DOS", each(|entry| entry.with(|e| e.attributes |= 0x20))),
        ("with folders", Archive::of(hello().into_iter().chain([Entry::folder("src/"), Entry::folder("empty/")]))),
        ("in one folder with a commit id, as GitHub packs", in_folder(hello())),
        ("with timestamps", each(|entry| entry.both(|header| header.extra = b"UT\x05\0\x01abcd".to_vec()))),
        ("with comments", each(|entry| entry.with(|entry| entry.comment = b"a comment".to_vec()))),
        ("in another order", Archive::of(hello().into_iter().rev())),
    ] {
        let tree = place.unpack(&archive.bytes(), &ArchiveLimits::default()).unwrap_or_else(|e| panic!("{form}: {e}"));
        assert_eq!(tree.digest(), expected, "{form}");
    }
}

#[test]
fn names_in_any_script_are_kept() {
    let place = place();
    let tree = place.unpack(&zip_builder::archive(&[("plugin.yaml", b""), ("tëxt/文.md", b"")]), &Default::default());
    assert_eq!(names(&tree.unwrap()), "plugin.yaml tëxt/文.md");
}

#[test]
fn names_are_utf_8_whichever_flag_or_field_says_it() {
    let plain = |name: &str| Entry::stored(name, b"x").both(|header| header.flags = 0);
    let field = |raw: &[u8], unicode: &str| {
        let content = [&[1], &zip_builder::crc32(raw).to_le_bytes()[..], unicode.as_bytes()].concat();
        [b"up", &(content.len() as u16).to_le_bytes()[..], &content].concat()
    };
    let named = |raw: &[u8], unicode: &str| {
        let (raw, extra) = (raw.to_vec(), field(raw, unicode));
        plain("x").both(move |header| (header.name, header.extra) = (raw.clone(), extra.clone()))
    };
    for (writer, entry) in [
        ("with the flag", Entry::stored("grüße.txt", b"x")),
        ("Info-ZIP on Debian", plain("grüße.txt")),
        ("Info-ZIP with a second field", named("grüße.txt".as_bytes(), "grüße.txt")),
        ("WinZip, in code page 437", named(b"gr\x81\xe1e.txt", "grüße.txt")),
        ("in Windows-1252", named(b"gr\xfc\xdfe.txt", "grüße.txt")),
    ] {
        let archive = Archive::of([Entry::stored("plugin.yaml", b""), entry]).bytes();
        let tree = place().unpack(&archive, &Default::default()).unwrap_or_else(|error| panic!("{writer}: {error}"));
        assert_eq!(names(&tree), "grüße.txt plugin.yaml", "{writer}");
    }
    refused_entry("another name", named(b"src/lib.rs", "build.rs"), "fetch_zip_extra", "second name");
    let only_in_front = named("ü".as_bytes(), "ü").with(|entry| entry.central.extra.clear());
    refused_entry("only in front of the data", only_in_front, "fetch_zip_mismatch", "the name in UTF-8");
    let not_utf8 = plain("x").both(|header| header.name = b"gr\x81\xe1e.txt".to_vec());
    refused_entry("in a code page", not_utf8, "fetch_zip_name_encoding", "in code page 437: `grüße.txt`");
    let not_marked = Entry::stored("ü", b"x").both(|header| header.name = b"\xff".to_vec());
    refused_entry("marked as UTF-8 and not", not_marked, "fetch_zip_name_encoding", "is marked as UTF-8 and is not");
}

#[test]
fn files_of_desktops_and_git_are_left_out_before_the_top_folder_is_judged() {
    let files: [(&str, &[u8]); 9] = [
        ("hello/plugin.yaml", b"id: hello"),
        ("__MACOSX/hello/._plugin.yaml", b"x"),
        ("__MACOSX/._hello", b"x"),
        (".DS_Store", b"x"),
        ("hello/.DS_Store", b"x"),
        ("hello/Thumbs.db", b"x"),
        ("hello/desktop.ini", b"x"),
        ("hello/.git/hooks/post-checkout", b"x"),
        ("hello/src/lib.rs", b"x"),
    ];
    let fetched = place().fetch(&zip_builder::archive(&files), &Default::default()).unwrap();
    assert_eq!(names(&fetched.tree), "plugin.yaml src/lib.rs");
    let [desktop, git] = &fetched.warnings[..] else { panic!("{:?}", fetched.warnings) };
    let named = "left out of the source: `.DS_Store`, `__MACOSX`, `hello/.DS_Store`, `hello/Thumbs.db`, \
                 `hello/desktop.ini`, because macOS and Windows";
    assert!(desktop.starts_with(named), "{desktop}");
    assert!(git.contains("`hello/.git`"), "{git}");
}

#[test]
fn build_configuration_is_left_out_with_a_warning() {
    let place = place();
    let files: [(&str, &[u8]); 5] = [
        ("plugin.yaml", b""),
        (".cargo/config.toml", b"x"),
        ("sub/.cargo/config", b"x"),
        ("rust-toolchain.toml", b"x"),
        ("sub/rust-toolchain", b"x"),
    ];
    let fetched = place.fetch(&zip_builder::archive(&files), &Default::default()).unwrap();
    assert_eq!(names(&fetched.tree), "plugin.yaml");
    let expected = "left out of the source: `.cargo`, `rust-toolchain.toml`, `sub/.cargo`, `sub/rust-toolchain`, because \
                    a plugin does not configure the build";
    assert!(matches!(&fetched.warnings[..], [one] if one.starts_with(expected)), "{:?}", fetched.warnings);
}

#[test]
fn a_broken_frame_is_refused() {
    let good = || Archive::of(hello());
    refused_bytes("nothing", b"", "fetch_zip_no_end", "no end record");
    refused_bytes("no archive", b"#!/bin/sh\necho", "fetch_zip_no_end", "");
    for (start, kind) in [(&b"\x1f\x8b\x08"[..], "`.tar.gz`"), (b"7z\xbc\xaf\x27", "7z"), (b"<!DOCTYPE", "web page")] {
        refused_bytes(kind, start, "fetch_zip_no_end", kind);
    }
    let bytes = good().bytes();
    refused_bytes("cut off", &bytes[..bytes.len() - 30], "fetch_zip_no_end", "");
    refused_bytes("cut off in the end record", &bytes[..bytes.len() - 1], "fetch_zip_truncated", "the end record");
    refused("two end records", &good().with(|a| a.comment = bytes.clone()), "fetch_zip_many_ends", "2 end records");
    let comment = |text: Vec<u8>| good().with(|archive| archive.comment = text);
    refused("a comment that is no text", &comment(vec![0]), "fetch_zip_comment", "printable");
    refused("a long comment", &comment(vec![b'x'; 1025]), "fetch_zip_comment", "1024");
    refused("bytes behind the end", &good().with(|a| a.suffix = b"x".to_vec()), "fetch_zip_comment", "file ends");
    refused("one of several disks", &good().with(|a| a.disk = 1), "fetch_zip_multi_disk", "several parts");
    refused(
        "an entry on another disk",
        &Archive::of([hello()[0].clone().with(|e| e.disk = 1)]),
        "fetch_zip_multi_disk",
        "",
    );
    let locator = b"PK\x06\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0".to_vec();
    refused("a ZIP64 locator", &good().with(|a| a.before_end = locator), "fetch_zip_zip64", "not directly before");
    refused("ZIP64 counts", &good().with(|a| a.n_entries = Some(0xffff)), "fetch_zip_zip64", "without the end record");
    let other_count = good().with_zip64_end(false).with(|a| a.n_entries = Some(2));
    refused("two counts", &other_count, "fetch_zip_zip64", "differs from the other end record");
    let padding = |bytes: Vec<u8>| good().with(|archive| archive.suffix = bytes);
    refused("much padding", &padding(vec![0; 10_240]), "fetch_zip_comment", "file ends");
    refused("padding that is not zero", &padding([vec![0; 99], vec![1]].concat()), "fetch_zip_comment", "file ends");
    refused(
        "bytes behind the directory",
        &good().with(|a| a.before_end = b"x".to_vec()),
        "fetch_zip_directory_place",
        "",
    );
    refused("fewer entries than declared", &good().with(|a| a.n_entries = Some(4)), "fetch_zip_truncated", "directory");
    refused(
        "more entries than declared",
        &good().with(|a| a.n_entries = Some(2)),
        "fetch_zip_directory_size",
        "2 entries",
    );
}

#[test]
fn entries_must_fill_the_archive_without_gap_or_overlap() {
    let good = || Archive::of(hello());
    refused(
        "bytes in front",
        &good().with(|a| a.prefix = b"#!/bin/sh\n".to_vec()),
        "fetch_zip_tiling",
        "`plugin.yaml` at byte 0",
    );
    refused("a gap", &good().with(|a| a.entries[0].data.push(0)), "fetch_zip_tiling", "src/lib.rs");
    refused("a trailer", &good().with(|a| a.before_directory = b"x".to_vec()), "fetch_zip_tiling", "the directory");
    refused(
        "a hidden entry",
        &good().with(|a| {
            a.before_directory = Archive::of([Entry::stored("hidden", b"x")]).bytes();
            a.before_directory.truncate(37);
        }),
        "fetch_zip_tiling",
        "the directory",
    );
    let overlap = Archive::of([Entry::stored("a", b"x"), Entry::stored("a", b"x").with(|e| e.offset = Some(0))]);
    refused("two entries at one place", &overlap, "fetch_zip_tiling", "");
    refused("an entry beyond the end", &good().with(|a| a.entries[0].offset = Some(1 << 30)), "fetch_zip_tiling", "");
    refused(
        "data beyond the directory",
        &good().with(|a| {
            a.entries[2] = a.entries[2].clone().both(|header| header.packed_bytes = 5000);
        }),
        "fetch_zip_truncated",
        "header of an entry",
    );
    refused(
        "no header",
        &good().with(|a| a.entries[0].local.signature = *b"PK\x03\x05"),
        "fetch_zip_signature",
        "byte 0",
    );
    refused(
        "no directory entry",
        &good().with(|a| a.entries[0].central.signature = *b"PK\x01\x03"),
        "fetch_zip_signature",
        "",
    );
}

#[test]
fn both_headers_must_say_the_same() {
    let entry = || Entry::deflated("a", b"content");
    for (field, change) in [
        ("the name", (|e: &mut Entry| e.local.name = b"b".to_vec()) as fn(&mut Entry)),
        ("the flags", |e| e.local.flags = 1 << 11),
        ("the method", |e| e.local.method = 0),
        ("the time", |e| e.local.time = 1),
        ("the checksum", |e| e.local.crc = 1),
        ("the packed size", |e| e.local.packed_bytes = 1),
        ("the size", |e| e.local.bytes = 1),
        ("the checksum", |e| e.local.crc = 0),
    ] {
        refused_entry(field, entry().with(change), "fetch_zip_mismatch", field);
    }
    refused_entry(
        "a wrong size in front",
        entry().streamed(true).with(|e| e.local.bytes = 1),
        "fetch_zip_mismatch",
        "the size",
    );
    for data in [&b"x PK\x07\x08 y"[..], b"PK\x03\x04", b"PK\x01\x02"] {
        let inside = Entry::stored("a", data).streamed(true);
        refused_entry("a signature in stored data", inside, "fetch_zip_signature_inside", "`a`");
        assert!(place().unpack(&Archive::of([Entry::stored("a", data)]).bytes(), &Default::default()).is_ok());
    }
    let unsigned = Entry::stored("a", b"content").streamed(false);
    refused_entry("stored data without an end that can be found", unsigned, "fetch_zip_descriptor", "`a`");
    for (rule, change) in [
        ("no descriptor", (|e: &mut Entry| e.descriptor.clear()) as fn(&mut Entry)),
        ("another descriptor", |e| e.descriptor[4] ^= 1),
        ("another signature", |e| e.descriptor[0] = b'Q'),
        ("a descriptor of ZIP64", |e| e.descriptor.extend([0; 8])),
    ] {
        refused_entry(rule, entry().streamed(true).with(change), "fetch_zip_descriptor", "`a`");
    }
}

#[test]
fn only_plain_ways_of_packing_are_accepted() {
    let entry = || Entry::deflated("a", b"content");
    let flags = |bit: u16| entry().both(move |header| header.flags = bit);
    refused_entry("encrypted", flags(1), "fetch_zip_encrypted", "password");
    refused_entry("strongly encrypted", flags(1 << 6), "fetch_zip_encrypted", "`a`");
    refused_entry("masked headers", flags(1 << 13), "fetch_zip_encrypted", "`a`");
    refused_entry("a patch", flags(1 << 5), "fetch_zip_flags", "0020");
    refused_entry("of the future", entry().with(|e| e.central.version = 64), "fetch_zip_version", "version 6.4");
    refused_entry("of the future", entry().with(|e| e.local.version = 276), "fetch_zip_version", "`a`");
    refused_entry("newer than deflate", entry().both(|header| header.version = 21), "fetch_zip_version", "only 2.0");
    refused_entry("ZIP64 and without it", entry().both(|header| header.version = 45), "fetch_zip_version", "4.5");
    let newer = entry().zip64_in_front().both(|header| header.version = 46);
    refused_entry("newer than ZIP64", newer, "fetch_zip_version", "only 4.5");
    for (method, name) in [(9, "Deflate64"), (12, "bzip2"), (14, "LZMA"), (93, "Zstandard"), (95, "XZ")] {
        let other = entry().both(|header| (header.method, header.version) = (method, 63));
        refused_entry(name, other, "fetch_zip_method", &format!("method {method} ({name})"));
    }
    let extra = |bytes: &'static [u8]| entry().both(move |header| header.extra = bytes.to_vec());
    refused_entry("ZIP64 sizes", extra(b"\x01\0\x08\0abcdefgh"), "fetch_zip_zip64", "`a` to give a size twice");
    let zip64 = |change: fn(&mut Entry)| entry().zip64_in_front().with(change);
    let in_directory = |change: fn(&mut Entry)| entry().zip64_in_the_directory().with(change);
    for (rule, entry, code) in [
        ("a ZIP64 field without need", zip64(|e| e.local.bytes = 7), "fetch_zip_zip64"),
        ("no ZIP64 field", zip64(|e| e.local.extra.clear()), "fetch_zip_zip64"),
        ("half a ZIP64 field", zip64(|e| e.local.extra.truncate(12)), "fetch_zip_extra"),
        ("another ZIP64 size", zip64(|e| e.local.extra[4] ^= 1), "fetch_zip_mismatch"),
        (
            "a ZIP64 descriptor without ZIP64",
            entry().streamed(true).with(|e| e.descriptor.extend([0; 8])),
            "fetch_zip_descriptor",
        ),
        ("a ZIP64 size of 4 GiB", in_directory(|e| e.central.extra[8] = 1), "fetch_zip_zip64"),
        ("a ZIP64 field with too much", in_directory(|e| e.central.bytes = 7), "fetch_zip_zip64"),
        ("no ZIP64 field in the directory", in_directory(|e| e.central.extra.clear()), "fetch_zip_zip64"),
    ] {
        refused_entry(rule, entry, code, "`a`");
    }
    refused_entry("a second name", extra(b"\x75\x70\x06\0\x01abcdx"), "fetch_zip_extra", "7075");
    refused_entry("no name", extra(b"\x75\x70\x01\0x"), "fetch_zip_extra", "7075");
    refused_entry("ASi Unix", extra(b"nu\x01\0x"), "fetch_zip_extra", "attributes or a link");
    refused_entry("PKWARE Unix", extra(b"\x0d\0\x01\0x"), "fetch_zip_extra", "attributes or a link");
    refused_entry("libarchive's attributes", extra(b"xl\x01\0x"), "fetch_zip_extra", "attributes or a link");
    refused_entry("AES", extra(b"\x01\x99\0\0"), "fetch_zip_extra", "encryption");
    refused_entry("a field that is too long", extra(b"UT\x05\0\x01"), "fetch_zip_extra", "longer");
    refused_entry("half a field", extra(b"UT\0"), "fetch_zip_extra", "");
    let only_in_front = entry().with(|entry| entry.local.extra = b"\x75\x70\x01\0x".to_vec());
    refused_entry("a second name in front", only_in_front, "fetch_zip_extra", "7075");
    refused_entry("a ZIP64 offset", entry().with(|entry| entry.offset = Some(u32::MAX)), "fetch_zip_zip64", "`a`");
}

#[test]
fn links_are_followed_to_files_of_the_archive_and_others_are_left_out_with_a_warning() {
    let link = |name: &str, target: &str| {
        Entry::deflated(name, target.as_bytes()).with(|entry| entry.attributes = 0o120_777 << 16)
    };
    let entries = [
        Entry::stored("hello/plugin.yaml", b"x"),
        Entry::stored("hello/LICENSE", b"free").with(|entry| entry.attributes = 0o100_755 << 16),
        Entry::folder("hello/doc/"),
        Entry::stored("hello/.cargo/config", b"x"),
        link("hello/doc/LICENSE", "../LICENSE"),
        link("hello/again", "doc/LICENSE"),
        link("hello/secret", "/etc/passwd"),
        link("hello/up", "../../x"),
        link("hello/folder", "doc"),
        link("hello/circle", "circle"),
        link("hello/build", ".cargo/config"),
    ];
    let place = place();
    let fetched = place.fetch(&Archive::of(entries).bytes(), &Default::default()).unwrap();
    assert_eq!(names(&fetched.tree), "LICENSE again doc/LICENSE plugin.yaml");
    assert_eq!(listing(&fetched.tree)["again"], ("free".to_owned(), true));
    let [_, links] = &fetched.warnings[..] else { panic!("{:?}", fetched.warnings) };
    let named = "left out of the source: `hello/build -> .cargo/config`, `hello/circle -> circle`, \
                 `hello/folder -> doc`, `hello/secret -> /etc/passwd`, `hello/up -> ../../x`, because a link";
    assert!(links.starts_with(named), "{links}");
}

#[test]
fn only_files_and_folders_are_accepted() {
    let mode = |name: &str, mode: u32| Entry::stored(name, b"/etc/passwd").with(|entry| entry.attributes = mode << 16);
    for (kind, bits) in [("pipe", 0o010_644), ("device", 0o020_644), ("socket", 0o140_644)] {
        refused_entry(kind, mode("odd", bits), "fetch_zip_file_type", "`odd`");
    }
    refused_entry("set-user", mode("su", 0o104_755), "fetch_zip_set_id", "104755");
    refused_entry("set-group", mode("su", 0o102_755), "fetch_zip_set_id", "`su`");
    refused_entry("a folder named like a file", mode("a", 0o040_755), "fetch_zip_folder", "`a`");
    refused_entry("a file named like a folder", mode("a/", 0o100_644), "fetch_zip_folder", "`a/`");
    refused_entry("a folder with data", mode("a/", 0o040_755), "fetch_zip_folder", "has data");
    refused_entry(
        "a DOS folder named like a file",
        mode("a", 0).with(|e| e.attributes = 0x10),
        "fetch_zip_folder",
        "`a`",
    );
    let dos = |name: &str, mode: u32, bits: u32| Entry::stored(name, b"").with(|e| e.attributes = (mode << 16) | bits);
    for name in ["a", "a/"] {
        let contradictory = dos(name, 0o100_644, 0x10);
        refused_entry("a file and a DOS folder", contradictory, "fetch_zip_folder", "the DOS attribute of a folder");
    }
    for mode in [0, 0o100_644] {
        refused_entry("a volume label", dos("a", mode, 0x08), "fetch_zip_volume_label", "`a`");
    }
}

#[test]
fn names_that_lead_elsewhere_or_deceive_are_refused() {
    for name in [
        "/etc/passwd",
        "../escape",
        "a/../../escape",
        "././a",
        "a/./b",
        ".",
        "a//b",
        "c:x",
        "nul\0byte",
        "line\nbreak",
        "a.",
        "a ",
        "\u{202e}cod.exe",
        "zero\u{200b}width",
        "/",
        "",
    ] {
        refused_entry(name, Entry::stored(name, b"x"), "fetch_zip_name", "path");
    }
    refused_entry("a colon", Entry::stored("a:b", b"x"), "fetch_zip_name", "hint: rename the file; some file systems");
    let long = "x".repeat(201);
    refused_entry("a long part", Entry::stored(&long, b"x"), "fetch_zip_name", "200");
    refused_entry(
        "a deep path",
        Entry::stored(&"a/".repeat(33).replace("a/a", "a/b"), b""),
        "fetch_zip_name",
        "32 levels",
    );
    for name in ["a\\..\\b", "src\\lib.rs"] {
        refused_entry("backslashes", Entry::stored(name, b"x"), "fetch_zip_backslash", "PowerShell 5");
    }
    for name in ["src/lib.rs;1", "src/lib.rs;", "a;12/b", "b/a;0012"] {
        refused_entry(name, Entry::stored(name, b"x"), "fetch_zip_version_suffix", name);
    }
    for name in [".GIT/x", "git~1/x"] {
        refused_entry(name, Entry::stored(name, b"x"), "fetch_zip_forbidden_name", name);
    }
    refused_entry("a .GIT folder", Entry::folder(".GIT/"), "fetch_zip_forbidden_name", ".GIT");
}

#[test]
fn a_name_refers_to_one_entry() {
    let pair = |a: &str, b: &str| Archive::of([Entry::stored(a, b""), Entry::stored(b, b"")]);
    refused("twice", &pair("a", "a"), "fetch_zip_duplicate", "`a`");
    refused("twice in another case", &pair("Readme", "README"), "fetch_zip_duplicate", "`README`");
    refused("twice in another form", &pair("e\u{301}", "\u{e9}"), "fetch_zip_duplicate", "");
    refused("a folder twice", &Archive::of([Entry::folder("a/"), Entry::folder("a/")]), "fetch_zip_duplicate", "");
    refused("file, then folder", &pair("a", "A/b"), "fetch_zip_file_and_folder", "`a`");
    refused("folder, then file", &pair("a/b", "a"), "fetch_zip_file_and_folder", "`a`");
    let explicit = Archive::of([Entry::folder("a/"), Entry::stored("a", b"")]);
    refused("an entry of each", &explicit, "fetch_zip_file_and_folder", "`a`");
}

#[test]
fn the_data_must_be_what_is_declared() {
    let entry = || Entry::deflated("a", b"content");
    refused_entry("another checksum", entry().both(|header| header.crc ^= 1), "fetch_zip_checksum", "`a`");
    refused_entry(
        "another stored checksum",
        Entry::stored("a", b"x").both(|h| h.crc ^= 1),
        "fetch_zip_checksum",
        "`a`",
    );
    refused_entry("more bytes", entry().both(|header| header.bytes = 3), "fetch_zip_size", "declares 3 bytes");
    refused_entry("fewer bytes", entry().both(|header| header.bytes = 30), "fetch_zip_size", "declares 30 bytes");
    refused_entry("another stored size", Entry::stored("a", b"x").both(|h| h.bytes = 2), "fetch_zip_size", "`a`");
    let data = |data: &[u8]| {
        let data = data.to_vec();
        let n = data.len() as u32;
        entry().both(|header| header.packed_bytes = n).with(|entry| entry.data = data)
    };
    let good = zip_builder::deflate(b"content");
    refused_entry("bytes behind the data", data(&[&good[..], b"x"].concat()), "fetch_zip_deflate", "behind its end");
    refused_entry("broken off", data(&good[..good.len() - 1]), "fetch_zip_deflate", "too early");
    refused_entry("no deflate data", data(b"\xff\xff\xff"), "fetch_zip_deflate", "not deflate");
    refused_entry("nothing", data(b""), "fetch_zip_deflate", "too early");
}

#[test]
fn archives_beyond_the_limits_are_refused() {
    let small = ArchiveLimits { max_archive_bytes: 2000, max_entries: 3, max_unpacked_bytes: 100, max_ratio: 200 };
    let files = |n: usize, bytes: usize| {
        let names: Vec<_> = (0..n).map(|i| i.to_string()).collect();
        Archive::of(names.iter().map(|name| Entry::stored(name, &vec![b'x'; bytes])))
    };
    let code = |archive: Archive| place().unpack(&archive.bytes(), &small).map(|_| "").unwrap_or_else(|e| e.code());
    assert_eq!(code(files(3, 33)), "");
    assert_eq!(code(files(1, 2000)), "fetch_zip_too_large");
    assert_eq!(code(files(4, 1)), "fetch_zip_too_many_entries");
    assert_eq!(code(files(3, 34)), "fetch_zip_unpacked_too_large");

    // The claim alone is enough; nothing is unpacked to see whether it is true.
    let bomb = Entry::deflated("bomb", b"x").both(|header| header.bytes = 200 << 20);
    refused_entry("a bomb", bomb, "fetch_zip_ratio", "declares 209715200 bytes, more than");
}

// === archives of other writers ===

/// Runs a program in `folder`; `None` when the machine does not have it.
#[expect(clippy::disallowed_methods, reason = "a test compares with other programs")]
fn run(folder: &Path, program: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let found = std::env::split_paths(&std::env::var_os("PATH")?).any(|path| path.join(program).exists());
    if !found {
        return None;
    }
    let output = std::process::Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

fn source_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("tree/src")).unwrap();
    for (name, text) in [
        ("plugin.yaml", "id: hello\n".to_owned()),
        ("src/lib.rs", "//! x\n".repeat(1000)),
        ("run.sh", "#!/bin/sh\n".to_owned()),
    ] {
        File::create(folder.path().join("tree").join(name)).unwrap().write_all(text.as_bytes()).unwrap();
    }
    fs::set_permissions(folder.path().join("tree/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn assert_is_the_folder(writer: &str, archive: &Path) {
    let place = place();
    let tree =
        unpack(&place.store, &ArchiveLimits::default(), archive).unwrap_or_else(|e| panic!("{writer}: {e}")).tree;
    assert_eq!(names(&tree), "plugin.yaml run.sh src/lib.rs", "{writer}");
    assert_eq!(listing(&tree)["src/lib.rs"].0, "//! x\n".repeat(1000), "{writer}");
    assert!(listing(&tree)["run.sh"].1, "{writer} keeps the permission to run");
}

#[test]
fn archives_of_other_writers_are_accepted() {
    let folder = source_folder();
    let tree = folder.path().join("tree");
    let out = |name: &str| -> PathBuf { folder.path().join(name) };
    let mut n_writers = 0;
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=T", "-c", "user.email=t@example.org"];
        run(&tree, "git", &[&who[..], arguments].concat())
    };
    if git(&["init", "--quiet", "."]).is_some() {
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", "x"]);
        for (name, prefix) in [("git.zip", ""), ("github.zip", "--prefix=hello-1.0.0/")] {
            let output = format!("--output={}", out(name).display());
            let prefix: &[&str] = if prefix.is_empty() { &[] } else { &[prefix] };
            git(&[&["archive", "--format=zip", &output], prefix, &["HEAD"]].concat());
            assert_is_the_folder("git archive", &out(name));
            n_writers += 1;
        }
        fs::remove_dir_all(tree.join(".git")).unwrap();
    }
    let to_file = "import shutil; shutil.make_archive('../python', 'zip', '.')";
    if run(&tree, "python3", &["-c", to_file]).is_some() {
        assert_is_the_folder("python", &out("python.zip"));
        // A writer that cannot go back puts sizes behind the data.
        let to_pipe = "
import sys, zipfile, os
class Pipe:
    def write(self, b): return sys.stdout.buffer.write(b)
    def flush(self): sys.stdout.buffer.flush()
with zipfile.ZipFile(Pipe(), 'w', zipfile.ZIP_DEFLATED) as z:
    for name in ['plugin.yaml', 'src/lib.rs', 'run.sh']: z.write(name)
";
        let bytes = run(&tree, "python3", &["-c", to_pipe]).unwrap();
        File::create(out("piped.zip")).unwrap().write_all(&bytes).unwrap();
        assert_is_the_folder("python to a pipe", &out("piped.zip"));
        n_writers += 2;
    }
    let path = out("info.zip").display().to_string();
    if run(&tree, "zip", &["-q", "-r", &path, "."]).is_some() {
        assert_is_the_folder("Info-ZIP", &out("info.zip"));
        let bytes = run(&tree, "zip", &["-q", "-r", "-D", "-", "plugin.yaml", "src", "run.sh"]).unwrap();
        File::create(out("info-piped.zip")).unwrap().write_all(&bytes).unwrap();
        assert_is_the_folder("Info-ZIP to a pipe", &out("info-piped.zip"));
        n_writers += 2;
    }
    let path = out("seven.zip").display().to_string();
    if run(&tree, "7z", &["a", "-bd", &path, "."]).is_some() {
        assert_is_the_folder("7-Zip", &out("seven.zip"));
        n_writers += 1;
    }
    assert!(n_writers > 0, "this machine has none of git, python3, zip and 7z");
}
