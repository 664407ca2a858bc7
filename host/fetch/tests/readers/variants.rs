//! Variants of an archive, each with up to three of the ways in which real and hostile archives differ.

use crate::zip_builder::{Archive, Entry, Header, crc32};

/// The number of variants.
pub(crate) const COUNT: u64 = 1_200;

/// Numbers from a seed, always the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) % n as u64) as usize
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }
}

/// The variant of a seed, with a description.
pub(crate) fn variant(seed: u64, mut entries: Vec<Entry>) -> (String, Vec<u8>) {
    let mut dice = Dice(seed);
    let at = dice.below(entries.len() + 1);
    entries.insert(at, added(&mut dice));
    let mut said = vec![];
    for _ in 0..=dice.below(3) {
        let at = dice.below(entries.len());
        let (what, entry) = change(&mut dice, entries[at].clone());
        entries[at] = entry;
        said.push(format!("entry {at}: {what}"));
    }
    let mut archive = Archive::of(entries);
    match dice.below(8) {
        0 => archive.suffix = vec![0; dice.of(&[1, 512, 10_239])],
        1 => archive = archive.with_zip64_end(false),
        2 => archive = archive.with_zip64_end(true),
        3 => archive.comment = b"a comment".to_vec(),
        _ => {}
    }
    (format!("variant {seed}: {}", said.join(", ")), archive.bytes())
}

/// One more entry, often with a name that some reader changes.
fn added(dice: &mut Dice) -> Entry {
    let names = [
        "src/lib.rs;1",
        "src/lib.rs;",
        "src;1/a",
        "./src/a",
        "././a",
        "a\\b",
        "a//b",
        "src/lib.rs/",
        "SRC/lib.rs",
        "./",
        " a",
        "~a",
        "-a",
        "a*b",
        "con",
        "aux.txt",
        "a|b",
        "%2e%2e/a",
        "...a",
        "$a",
        "@a",
        "a'b",
        "\"a\"",
        "grüße.txt",
        "a,1",
        "a^b",
        "a~1",
        "a;1b",
        "src/a#1",
        "a+",
        "[a]",
        "{a}",
    ];
    let name = dice.of(&names);
    let content = match dice.below(8) {
        0 => Archive::of([Entry::stored("build.rs", b"hidden")]).bytes(),
        3 => inner(dice),
        4 => [inner(dice), inner(dice)].concat(),
        1 => b"PK\x07\x08 and more".to_vec(),
        2 => {
            // The end of an entry and a whole other entry, as a reader of a stream would see them.
            let mut inner = Archive::of([Entry::stored("build.rs", b"hidden")]).bytes();
            inner.truncate(30 + 8 + 6);
            let outer = Entry::stored("a", b"seen").streamed(true).descriptor;
            [&b"seen"[..], &outer, &inner].concat()
        }
        _ => b"content".to_vec(),
    };
    match dice.below(4) {
        0 => Entry::stored(name, &content),
        1 => Entry::stored(name, &content).streamed(true),
        2 if name.ends_with('/') => Entry::folder(name),
        _ => Entry::deflated(name, &content),
    }
}

/// An archive that is part of a file, often with an end record that a reader may take for that of the outer archive.
fn inner(dice: &mut Dice) -> Vec<u8> {
    let mut archive = Archive::of([Entry::stored("build.rs", b"hidden")]);
    match dice.below(6) {
        0 => archive = archive.with_zip64_end(dice.below(2) == 0),
        1 => archive.comment = b"a comment".to_vec(),
        2 => archive.suffix = vec![0; dice.of(&[1, 22, 512])],
        3 => archive.prefix = vec![0; 512],
        _ => {}
    }
    let mut bytes = archive.bytes();
    if dice.below(3) == 0 {
        // The size, the start or the length of the comment.
        let end = bytes.windows(4).rposition(|bytes| bytes == b"PK\x05\x06").unwrap();
        bytes[end + dice.of(&[12, 13, 16, 17, 20, 21])] = dice.of(&[0, 1, 8, 64, 200, 255]);
    }
    bytes
}

/// Changes one aspect of an entry.
fn change(dice: &mut Dice, entry: Entry) -> (&'static str, Entry) {
    match dice.below(9) {
        0 => {
            let kinds: [u32; 6] = [0, 0o100_644, 0o100_755, 0o040_755, 0o120_777, 0o000_644];
            let attributes = (dice.of(&kinds) << 16) | dice.of(&[0, 0x01, 0x08, 0x10, 0x18, 0x20, 0x28, 0x40, 0x80]);
            ("attributes", entry.with(|entry| entry.attributes = attributes))
        }
        1 => {
            let bits = dice.of(&[0, 0x01, 0x08, 0x10, 0x20]);
            ("DOS attributes", entry.with(|entry| entry.attributes = (entry.attributes & !0xff) | bits))
        }
        2 => {
            let made_by = (dice.below(20) << 8 | 20) as u16;
            ("system of the writer", entry.with(|entry| entry.made_by = made_by))
        }
        3 => {
            let version = dice.of(&[10, 11, 20, 21, 25, 45, 46, 50, 63, 0x0314]);
            match dice.below(3) {
                0 => ("version", entry.both(|header| header.version = version)),
                1 => ("version in front", entry.with(|entry| entry.local.version = version)),
                _ => ("version in the directory", entry.with(|entry| entry.central.version = version)),
            }
        }
        4 if entry.descriptor.is_empty() => {
            let with_signature = dice.below(3) > 0;
            ("streamed", entry.streamed(with_signature))
        }
        5 if entry.local.extra.is_empty() && entry.descriptor.is_empty() => match dice.below(3) {
            0 => ("ZIP64 in front", entry.zip64_in_front()),
            1 => ("ZIP64 in the directory", entry.zip64_in_the_directory()),
            _ => ("streamed with ZIP64", entry.zip64_in_front().streamed(true)),
        },
        6 => {
            let flags = dice.of(&[0, 0b10, 1 << 11, 1 << 4, 1 << 5, 1 << 12]);
            let keep = |header: &mut Header| header.flags = (header.flags & 0b1000) | flags;
            ("flags", entry.both(keep))
        }
        _ => {
            let extra = extra(dice, &entry);
            let add = |header: &mut Header| header.extra.extend_from_slice(&extra);
            match dice.below(3) {
                0 => ("extra in the directory", entry.with(|entry| add(&mut entry.central))),
                1 => ("extra in front", entry.with(|entry| add(&mut entry.local))),
                _ => ("extra", entry.both(add)),
            }
        }
    }
}

/// An extra field.
fn extra(dice: &mut Dice, entry: &Entry) -> Vec<u8> {
    let field =
        |id: u16, content: &[u8]| [&id.to_le_bytes()[..], &(content.len() as u16).to_le_bytes(), content].concat();
    let name = &entry.local.name;
    let unicode =
        |name: &[u8], unicode: &[u8]| field(0x7075, &[&[1], &crc32(name).to_le_bytes()[..], unicode].concat());
    let link = [&0o120_777_u16.to_le_bytes()[..], &4_u32.to_le_bytes(), &[0; 4], b"/etc"].concat();
    let link = [&crc32(&link).to_le_bytes()[..], &link].concat();
    match dice.below(14) {
        0 => field(0x5455, &[1, 0, 0, 0, 0x60]),
        1 => field(0x7875, &[1, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0]),
        2 => field(0x000a, &[0; 32]),
        3 => unicode(name, name),
        4 => unicode(name, b"build.rs"),
        5 => unicode(b"other", b"build.rs"),
        6 => field(0x756e, &link),
        7 => field(0x000d, &[0; 12]),
        8 => field(0x6c78, &[4, 0, 0, 0xff, 0xa1]),
        9 => field(0xcafe, b""),
        10 => field(0xbeef, b"unknown"),
        11 => field(0x07c8, &[0; 20]),
        12 => field(0x2605, b"ZPIT\x08build.rs"),
        _ => field(0x6375, &[&[1], &[0; 4][..], b"a comment"].concat()),
    }
}
