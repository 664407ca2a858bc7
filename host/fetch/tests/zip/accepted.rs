//! Archives that are accepted.

use host_fetch::ArchiveLimits;

use super::zip_builder::{self, Archive, Entry};
use super::{hello, listing, names, place, refused_entry};

/// A stored entry with compression.
fn repacked(entry: Entry) -> Entry {
    let name = String::from_utf8(entry.local.name).unwrap();
    Entry { attributes: entry.attributes, ..Entry::deflated(&name, &entry.data) }
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
fn a_file_may_be_an_archive_that_is_stored_without_compression() {
    let place = place();
    let inner = zip_builder::archive(&[("plugin.yaml", b"id: other"), ("build.rs", b"x")]);
    for at in 0..=3 {
        let mut entries = hello();
        entries.insert(at, Entry::stored("assets/data.zip", &inner));
        let tree = place.unpack(&Archive::of(entries).bytes(), &Default::default()).unwrap();
        assert_eq!(names(&tree), "assets/data.zip plugin.yaml run.sh src/lib.rs", "entry {at}");
        assert_eq!(tree.read(&"assets/data.zip".parse().unwrap(), 1 << 20).unwrap(), inner, "entry {at}");
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
