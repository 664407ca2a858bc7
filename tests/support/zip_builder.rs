//! Builds ZIP archives byte by byte: well-formed ones, and ones that break any rule of the format.
#![allow(dead_code, reason = "each test program that includes this file uses a part of it")]

/// What both headers of an entry say.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    /// `PK\3\4` in front of the data, `PK\1\2` in the directory.
    pub(crate) signature: [u8; 4],
    /// Which version of the format a reader must know, in tenths.
    pub(crate) version: u16,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) time: u32,
    pub(crate) crc: u32,
    pub(crate) packed_bytes: u32,
    pub(crate) bytes: u32,
    pub(crate) name: Vec<u8>,
    pub(crate) extra: Vec<u8>,
}

/// A file or folder of an archive, with every field free to be wrong.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// In front of the data.
    pub(crate) local: Header,
    pub(crate) data: Vec<u8>,
    /// Behind the data.
    pub(crate) descriptor: Vec<u8>,
    /// In the directory.
    pub(crate) central: Header,
    /// The system and version of the writer.
    pub(crate) made_by: u16,
    pub(crate) attributes: u32,
    pub(crate) disk: u16,
    pub(crate) comment: Vec<u8>,
    /// Where the directory says that the entry starts, if not where it does.
    pub(crate) offset: Option<u32>,
}

impl Entry {
    /// A file without compression.
    pub(crate) fn stored(name: &str, content: &[u8]) -> Entry {
        Entry::new(name, content, 0, content.to_vec())
    }

    /// A file packed with deflate, though without making it smaller.
    pub(crate) fn deflated(name: &str, content: &[u8]) -> Entry {
        Entry::new(name, content, 8, deflate(content))
    }

    /// A folder.
    pub(crate) fn folder(name: &str) -> Entry {
        let mut entry = Entry::new(name, b"", 0, Vec::new());
        entry.attributes = (0o040_755 << 16) | 0x10;
        entry
    }

    fn new(name: &str, content: &[u8], method: u16, data: Vec<u8>) -> Entry {
        let local = Header {
            signature: *b"PK\x03\x04",
            version: 20,
            flags: if name.is_ascii() { 0 } else { 1 << 11 },
            method,
            time: 0x5a21_0000,
            crc: crc32(content),
            packed_bytes: data.len() as u32,
            bytes: content.len() as u32,
            name: name.as_bytes().to_vec(),
            extra: Vec::new(),
        };
        Entry {
            central: Header { signature: *b"PK\x01\x02", ..local.clone() },
            local,
            data,
            descriptor: Vec::new(),
            // Version 3.0 on Unix.
            made_by: 0x031e,
            attributes: 0o100_644 << 16,
            disk: 0,
            comment: Vec::new(),
            offset: None,
        }
    }

    /// Changes both headers alike.
    pub(crate) fn both(mut self, change: impl Fn(&mut Header)) -> Entry {
        change(&mut self.local);
        change(&mut self.central);
        self
    }

    /// Changes anything.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Entry)) -> Entry {
        change(&mut self);
        self
    }

    /// The form that a writer to a pipe uses: sizes and checksum behind the data.
    pub(crate) fn streamed(mut self, with_signature: bool) -> Entry {
        self = self.both(|header| header.flags |= 1 << 3);
        if with_signature {
            self.descriptor.extend(b"PK\x07\x08");
        }
        self.descriptor.extend(self.central.crc.to_le_bytes());
        self.local.crc = 0;
        if self.local.bytes == u32::MAX {
            for value in [self.central.packed_bytes, self.central.bytes] {
                self.descriptor.extend(u64::from(value).to_le_bytes());
            }
            self.local.extra.truncate(4);
            self.local.extra.extend([0; 16]);
            return self;
        }
        for value in [self.central.packed_bytes, self.central.bytes] {
            self.descriptor.extend(value.to_le_bytes());
        }
        (self.local.packed_bytes, self.local.bytes) = (0, 0);
        self
    }

    /// The sizes in front of the data in the form of ZIP64, as writers do that do not know the size beforehand.
    pub(crate) fn zip64_in_front(mut self) -> Entry {
        self.local.extra = zip64_field(&[self.local.bytes, self.local.packed_bytes]);
        (self.local.bytes, self.local.packed_bytes) = (u32::MAX, u32::MAX);
        self.both(|header| header.version = 45)
    }

    /// The sizes in the directory in the form of ZIP64.
    pub(crate) fn zip64_in_the_directory(mut self) -> Entry {
        self.central.extra = zip64_field(&[self.central.bytes, self.central.packed_bytes]);
        (self.central.bytes, self.central.packed_bytes) = (u32::MAX, u32::MAX);
        self.both(|header| header.version = 45)
    }
}

/// An archive, with every field of its end record free to be wrong.
#[derive(Clone, Debug, Default)]
pub(crate) struct Archive {
    /// In front of the first entry.
    pub(crate) prefix: Vec<u8>,
    pub(crate) entries: Vec<Entry>,
    /// Between the last entry and the directory.
    pub(crate) before_directory: Vec<u8>,
    /// Between the directory and the end record.
    pub(crate) before_end: Vec<u8>,
    pub(crate) disk: u16,
    /// How many entries the end record declares, if not as many as there are.
    pub(crate) n_entries: Option<u16>,
    pub(crate) comment: Vec<u8>,
    /// Behind the comment.
    pub(crate) suffix: Vec<u8>,
    /// The end record of ZIP64, and whether the other end record leaves its values to it.
    zip64_end: Option<bool>,
}

impl Archive {
    /// A well-formed archive of these entries.
    pub(crate) fn of(entries: impl IntoIterator<Item = Entry>) -> Archive {
        Archive { entries: entries.into_iter().collect(), ..Archive::default() }
    }

    /// Changes anything.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Archive)) -> Archive {
        change(&mut self);
        self
    }

    /// Adds the end record of ZIP64. `only`: the other end record has no values of its own.
    pub(crate) fn with_zip64_end(self, only: bool) -> Archive {
        Archive { zip64_end: Some(only), ..self }
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = self.prefix.clone();
        let mut directory = Vec::new();
        for entry in &self.entries {
            let offset = entry.offset.unwrap_or(out.len() as u32);
            out.extend(entry.local.signature);
            write_header(&mut out, &entry.local);
            out.extend(&entry.local.name);
            out.extend(&entry.local.extra);
            out.extend(&entry.data);
            out.extend(&entry.descriptor);

            directory.extend(entry.central.signature);
            directory.extend(entry.made_by.to_le_bytes());
            write_header(&mut directory, &entry.central);
            directory.extend((entry.comment.len() as u16).to_le_bytes());
            directory.extend(entry.disk.to_le_bytes());
            directory.extend(0_u16.to_le_bytes());
            directory.extend(entry.attributes.to_le_bytes());
            directory.extend(offset.to_le_bytes());
            directory.extend(&entry.central.name);
            directory.extend(&entry.central.extra);
            directory.extend(&entry.comment);
        }
        out.extend(&self.before_directory);
        let start = out.len() as u32;
        out.extend(&directory);
        out.extend(&self.before_end);
        let mut end = (self.n_entries.unwrap_or(self.entries.len() as u16), directory.len() as u32, start);
        if let Some(only) = self.zip64_end {
            let at = out.len() as u64;
            out.extend(b"PK\x06\x06");
            out.extend(44_u64.to_le_bytes());
            out.extend([30, 3, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            for value in [self.entries.len() as u64, self.entries.len() as u64, end.1.into(), start.into()] {
                out.extend(value.to_le_bytes());
            }
            out.extend(b"PK\x06\x07\0\0\0\0");
            out.extend(at.to_le_bytes());
            out.extend(1_u32.to_le_bytes());
            if only {
                end = (u16::MAX, u32::MAX, u32::MAX);
            }
        }
        out.extend(b"PK\x05\x06");
        for value in [self.disk, self.disk, end.0, end.0] {
            out.extend(value.to_le_bytes());
        }
        out.extend(end.1.to_le_bytes());
        out.extend(end.2.to_le_bytes());
        out.extend((self.comment.len() as u16).to_le_bytes());
        out.extend(&self.comment);
        out.extend(&self.suffix);
        out
    }
}

/// A well-formed archive of files, packed with deflate.
pub(crate) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    Archive::of(files.iter().map(|(name, content)| Entry::deflated(name, content))).bytes()
}

fn write_header(out: &mut Vec<u8>, header: &Header) {
    out.extend(header.version.to_le_bytes());
    out.extend(header.flags.to_le_bytes());
    out.extend(header.method.to_le_bytes());
    for value in [header.time, header.crc, header.packed_bytes, header.bytes] {
        out.extend(value.to_le_bytes());
    }
    out.extend((header.name.len() as u16).to_le_bytes());
    out.extend((header.extra.len() as u16).to_le_bytes());
}

/// The extra field of ZIP64 with these values.
fn zip64_field(values: &[u32]) -> Vec<u8> {
    let content: Vec<u8> = values.iter().flat_map(|value| u64::from(*value).to_le_bytes()).collect();
    [&[1, 0], &(content.len() as u16).to_le_bytes()[..], &content].concat()
}

/// Deflate data in blocks without compression.
pub(crate) fn deflate(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut blocks = content.chunks(0xffff).peekable();
    if blocks.peek().is_none() {
        return vec![1, 0, 0, 0xff, 0xff];
    }
    while let Some(block) = blocks.next() {
        out.push(u8::from(blocks.peek().is_none()));
        out.extend((block.len() as u16).to_le_bytes());
        out.extend((!(block.len() as u16)).to_le_bytes());
        out.extend(block);
    }
    out
}

/// The checksum of ZIP.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}
