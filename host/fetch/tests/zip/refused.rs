//! One archive for every rule that refuses one.

use host_fetch::ArchiveLimits;

use super::zip_builder::{self, Archive, Entry};
use super::{hello, listing, names, place, refused, refused_bytes, refused_entry};

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
    let with_inner = Archive::of(hello().into_iter().chain([Entry::stored("a.zip", &bytes)]));
    let padded = with_inner.clone().with(|archive| archive.suffix = vec![0; 512]);
    refused("an inner end record, and padding", &padded, "fetch_zip_many_ends", "2 end records");
    let in_extra = Entry::stored("a", b"x").both(|header| {
        header.extra = [b"UT\x16\0", &b"PK\x05\x06"[..], &[0; 18]].concat();
    });
    refused("an end record between the files", &Archive::of([in_extra]), "fetch_zip_many_ends", "end records");
    // Readers that compare the length of the comment, or the place of the directory, take the inner record for the end.
    let outer = with_inner.bytes();
    let inner_end = outer.windows(4).position(|bytes| bytes == b"PK\x05\x06").unwrap();
    let with_end = |change: &dyn Fn(&mut [u8])| {
        let mut inner = bytes.clone();
        let end = inner.len() - 22;
        change(&mut inner[end..]);
        Archive::of(hello().into_iter().chain([Entry::stored("a.zip", &inner)]))
    };
    let rest = (outer.len() - inner_end - 22) as u16;
    let to_the_end = with_end(&|end| end[20..22].copy_from_slice(&rest.to_le_bytes()));
    refused("an inner comment up to the end", &to_the_end, "fetch_zip_many_ends", "2 end records");
    let consistent = with_end(&|end| {
        let size = u32::from_le_bytes(end[12..16].try_into().unwrap());
        end[16..20].copy_from_slice(&(inner_end as u32 - size).to_le_bytes());
    });
    refused("an inner directory of the outer file", &consistent, "fetch_zip_many_ends", "2 end records");
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
    refused_entry("bytes after the data", data(&[&good[..], b"x"].concat()), "fetch_zip_deflate", "after its end");
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
