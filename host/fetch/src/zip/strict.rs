//! Parses the structure of a ZIP archive and accepts only archives that every reader interprets equally.
//!
//! Some readers start at the directory, others at the first byte; some trust the local header, others the central one;
//! some skip unknown parts. An archive is accepted if all of them must find the same list: one end record, a directory
//! directly before it, and entries that fill the rest without a gap.
#![forbid(unsafe_code)]

use host_core::TreePath;

use super::entry::{Entry, Method};
use super::names::Names;
use super::{ArchiveLimits, ZipError};

const END: u32 = 0x0605_4b50;
const END_BYTES: usize = 22;
const ZIP64_LOCATOR: u32 = 0x0706_4b50;
const ZIP64_LOCATOR_BYTES: usize = 20;
const CENTRAL: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
/// The end record is in the last part of the file, before a comment of any length.
const END_WINDOW: usize = END_BYTES + 0xffff;
/// git archive and GitHub put the commit id there.
const MAX_COMMENT: usize = 1024;

const FLAG_ENCRYPTED: u16 = 1 << 0;
const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_STRONG_ENCRYPTION: u16 = 1 << 6;
const FLAG_UTF8: u16 = 1 << 11;
const FLAG_MASKED: u16 = 1 << 13;
/// The compression effort, which no reader uses.
const FLAG_DEFLATE_EFFORT: u16 = 0b110;
const KNOWN_FLAGS: u16 = FLAG_DEFLATE_EFFORT | FLAG_DESCRIPTOR | FLAG_UTF8;

/// Version 6.3 of the format, the newest there is, times ten.
const NEWEST_VERSION: u16 = 63;

const RATIO_FROM_BYTES: u64 = 1 << 20;

/// The entries of `archive` in the order of its directory.
pub(crate) fn parse<'a>(archive: &'a [u8], limits: &ArchiveLimits) -> Result<Vec<Entry<'a>>, ZipError> {
    let end = find_end(archive)?;
    let directory = read_end(archive, end)?;
    if directory.n_entries > limits.max_entries {
        return Err(ZipError::TooManyEntries { found: directory.n_entries, max_entries: limits.max_entries });
    }
    let headers = read_directory(archive, &directory)?;
    let packed = tile(archive, &headers, directory.start)?;

    let mut names = Names::default();
    let mut entries = Vec::with_capacity(headers.len());
    let mut total = 0_u64;
    for (header, packed) in headers.into_iter().zip(packed) {
        let entry = header.entry(packed)?;
        names.take(&entry)?;
        total += entry.bytes;
        if total > limits.max_unpacked_bytes {
            let name = entry.path.to_string();
            return Err(ZipError::UnpackedTooLarge { name, max_bytes: limits.max_unpacked_bytes });
        }
        let packed_bytes = packed.len() as u64;
        if entry.bytes > RATIO_FROM_BYTES && entry.bytes > packed_bytes.saturating_mul(limits.max_ratio) {
            let (name, bytes) = (entry.path.to_string(), entry.bytes);
            return Err(ZipError::Ratio { name, bytes, packed_bytes, max_ratio: limits.max_ratio });
        }
        entries.push(entry);
    }
    Ok(entries)
}

// === the end record ===

fn find_end(archive: &[u8]) -> Result<usize, ZipError> {
    let from = archive.len().saturating_sub(END_WINDOW);
    let window = archive.get(from..).unwrap_or_default();
    let signature = END.to_le_bytes();
    let mut places = window.windows(4).enumerate().filter(|(_, bytes)| *bytes == signature).map(|(at, _)| from + at);
    match (places.next(), places.count()) {
        (Some(place), 0) => Ok(place),
        (Some(_), more) => Err(ZipError::ManyEnds { found: more + 1 }),
        (None, _) => Err(ZipError::NoEnd),
    }
}

struct Directory {
    start: usize,
    end: usize,
    n_entries: usize,
}

fn read_end(archive: &[u8], at: usize) -> Result<Directory, ZipError> {
    let mut record = Record::at(archive, at, "the end record");
    record.skip(4)?;
    let (disk, directory_disk) = (record.u16()?, record.u16()?);
    let (n_here, n_entries) = (record.u16()?, record.u16()?);
    let (size, start) = (record.u32()?, record.u32()?);
    let comment_bytes = usize::from(record.u16()?);
    let comment = record.rest();

    let locator = at.checked_sub(ZIP64_LOCATOR_BYTES).and_then(|at| archive.get(at..)?.first_chunk());
    if locator == Some(&ZIP64_LOCATOR.to_le_bytes()) || n_entries == u16::MAX || size == u32::MAX || start == u32::MAX {
        return Err(ZipError::Zip64 { place: "its end record".to_owned() });
    }
    if disk != 0 || directory_disk != 0 || n_here != n_entries {
        return Err(ZipError::MultiDisk);
    }
    if comment.len() != comment_bytes {
        return Err(ZipError::Comment { rule: "does not end where the file ends" });
    }
    if comment.len() > MAX_COMMENT {
        return Err(ZipError::Comment { rule: "has more than 1024 bytes" });
    }
    if !comment.iter().all(|c| matches!(c, b' '..=b'~' | b'\n' | b'\r' | b'\t')) {
        return Err(ZipError::Comment { rule: "holds more than printable ASCII" });
    }
    let (start, size) = (start as usize, size as usize);
    if start + size != at {
        return Err(ZipError::DirectoryPlace { expected: at as u64, found: (start + size) as u64 });
    }
    Ok(Directory { start, end: at, n_entries: usize::from(n_entries) })
}

// === the directory ===

/// The central header of an entry.
struct Header<'a> {
    flags: u16,
    method: u16,
    time: u32,
    crc: u32,
    packed_bytes: u32,
    bytes: u32,
    name: &'a [u8],
    attributes: u32,
    offset: u32,
}

fn read_directory<'a>(archive: &'a [u8], directory: &Directory) -> Result<Vec<Header<'a>>, ZipError> {
    let bytes = archive.get(..directory.end).unwrap_or_default();
    let mut at = directory.start;
    let mut headers = Vec::with_capacity(directory.n_entries.min(10_000));
    for _ in 0..directory.n_entries {
        let mut record = Record::at(bytes, at, "an entry of the directory");
        record.signature(CENTRAL)?;
        record.skip(2)?;
        let version = record.u16()?;
        let (flags, method, time) = (record.u16()?, record.u16()?, record.u32()?);
        let (crc, packed_bytes, n_bytes) = (record.u32()?, record.u32()?, record.u32()?);
        let (name_bytes, extra_bytes, comment_bytes) = (record.u16()?, record.u16()?, record.u16()?);
        let disk = record.u16()?;
        record.skip(2)?;
        let (attributes, offset) = (record.u32()?, record.u32()?);
        let name = record.bytes(name_bytes.into())?;
        let extra = record.bytes(extra_bytes.into())?;
        record.skip(comment_bytes.into())?;
        at = record.at;

        if disk != 0 {
            return Err(ZipError::MultiDisk);
        }
        if [packed_bytes, n_bytes, offset].contains(&u32::MAX) {
            return Err(ZipError::Zip64 { place: format!("`{}`", shown(name)) });
        }
        let header = Header { flags, method, time, crc, packed_bytes, bytes: n_bytes, name, attributes, offset };
        header.check_flags()?;
        check_version(name, version)?;
        check_extra(name, extra)?;
        headers.push(header);
    }
    if at != directory.end {
        let (expected, found) = (directory.end as u64, at as u64);
        return Err(ZipError::DirectorySize { declared: directory.n_entries, expected, found });
    }
    Ok(headers)
}

impl<'a> Header<'a> {
    fn check_flags(&self) -> Result<(), ZipError> {
        let name = || shown(self.name);
        if self.flags & (FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION | FLAG_MASKED) != 0 {
            return Err(ZipError::Encrypted { name: name() });
        }
        if self.flags & !KNOWN_FLAGS != 0 {
            return Err(ZipError::Flags { name: name(), flags: self.flags });
        }
        Ok(())
    }

    fn entry(&self, packed: &'a [u8]) -> Result<Entry<'a>, ZipError> {
        let name = || shown(self.name);
        let method = match self.method {
            0 => Method::Stored,
            8 => Method::Deflated,
            method => return Err(ZipError::Method { name: name(), method }),
        };
        if method == Method::Stored && self.bytes != self.packed_bytes {
            return Err(ZipError::Size { name: name(), declared: self.bytes.into(), found: self.packed_bytes.into() });
        }
        let text = match std::str::from_utf8(self.name) {
            Ok(text) if text.is_ascii() || self.flags & FLAG_UTF8 != 0 => text,
            _ => return Err(ZipError::NameEncoding { name: name() }),
        };
        let (text, is_folder) = match text.strip_suffix('/') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let path: TreePath = text.parse()?;
        let mode = self.check_attributes(is_folder)?;
        if is_folder && (self.bytes != 0 || self.crc != 0) {
            return Err(ZipError::Folder { name: name(), rule: "is a folder and has data" });
        }
        Ok(Entry {
            path,
            raw_name: self.name,
            is_folder,
            executable: !is_folder && mode & 0o111 != 0,
            method,
            crc: self.crc,
            bytes: self.bytes.into(),
            packed,
        })
    }

    /// The Unix mode, which some non-Unix writers set as well, and some Unix writers leave at 0.
    fn check_attributes(&self, is_folder: bool) -> Result<u32, ZipError> {
        const DOS_FOLDER: u32 = 0x10;
        let name = || shown(self.name);
        let mode = self.attributes >> 16;
        let says_folder = match mode & 0o170_000 {
            0 => self.attributes & DOS_FOLDER != 0,
            0o040_000 => true,
            0o100_000 => false,
            _ => return Err(ZipError::FileType { name: name(), mode }),
        };
        if says_folder && !is_folder {
            return Err(ZipError::Folder {
                name: name(),
                rule: "has the attributes of a folder and the name of a file",
            });
        }
        if !says_folder && is_folder && mode & 0o170_000 != 0 {
            return Err(ZipError::Folder {
                name: name(),
                rule: "has the attributes of a file and the name of a folder",
            });
        }
        // A setgid bit on a folder is common on some systems, and new folders are created in any case.
        if !is_folder && mode & 0o6000 != 0 {
            return Err(ZipError::SetId { name: name(), mode });
        }
        Ok(mode)
    }
}

/// Some readers refuse entries that require a newer version of the format, others ignore the version.
fn check_version(name: &[u8], version: u16) -> Result<(), ZipError> {
    if version <= NEWEST_VERSION { Ok(()) } else { Err(ZipError::Version { name: shown(name), version }) }
}

/// Refuses extra fields with a second size or name, with encryption, or with an invalid length.
fn check_extra(name: &[u8], extra: &[u8]) -> Result<(), ZipError> {
    let mut rest = extra;
    while !rest.is_empty() {
        let (id, content) = match rest {
            [a, b, c, d, content @ ..] => {
                let length = usize::from(u16::from_le_bytes([*c, *d]));
                (u16::from_le_bytes([*a, *b]), content.split_at_checked(length))
            }
            _ => (0, None),
        };
        let refuse = |rule| Err(ZipError::Extra { name: shown(name), id, rule });
        match (id, content) {
            (_, None) => return refuse("that is longer than its place"),
            (0x0001, _) => return Err(ZipError::Zip64 { place: format!("`{}`", shown(name)) }),
            (0x7075, _) => return refuse("that gives a second name"),
            (0x0017 | 0x9901, _) => return refuse("that announces encryption"),
            (_, Some((_, after))) => rest = after,
        }
    }
    Ok(())
}

// === the entries ===

/// Checks that the entries fill the archive up to the directory, and returns the compressed data of each.
fn tile<'a>(archive: &'a [u8], headers: &[Header<'a>], directory: usize) -> Result<Vec<&'a [u8]>, ZipError> {
    let bytes = archive.get(..directory).unwrap_or_default();
    let mut order: Vec<usize> = (0..headers.len()).collect();
    order.sort_by_key(|index| headers[*index].offset);
    let mut packed: Vec<&[u8]> = vec![&[]; headers.len()];
    let mut expected = 0;
    for (place, index) in order.iter().enumerate() {
        let header = &headers[*index];
        let found = header.offset as usize;
        if found != expected {
            let record = format!("`{}`", shown(header.name));
            return Err(ZipError::Tiling { record, expected: expected as u64, found: found as u64 });
        }
        let next = order.get(place + 1).map_or(directory, |next| headers[*next].offset as usize);
        let (data, end) = read_local(bytes, header, next)?;
        packed[*index] = data;
        expected = end;
    }
    if expected != directory {
        let record = "the directory".to_owned();
        return Err(ZipError::Tiling { record, expected: expected as u64, found: directory as u64 });
    }
    Ok(packed)
}

/// Compares the local header and the data descriptor with the directory. Returns the data and the required start of the
/// next entry.
fn read_local<'a>(bytes: &'a [u8], header: &Header<'a>, next: usize) -> Result<(&'a [u8], usize), ZipError> {
    let mut record = Record::at(bytes, header.offset as usize, "the header of an entry");
    record.signature(LOCAL)?;
    check_version(header.name, record.u16()?)?;
    let (flags, method, time) = (record.u16()?, record.u16()?, record.u32()?);
    let (crc, packed_bytes, n_bytes) = (record.u32()?, record.u32()?, record.u32()?);
    let (name_bytes, extra_bytes) = (record.u16()?, record.u16()?);
    let name = record.bytes(name_bytes.into())?;
    let extra = record.bytes(extra_bytes.into())?;
    let mismatch = |field, local: String, central: String| {
        Err(ZipError::Mismatch { name: shown(header.name), field, local, central })
    };
    if name != header.name {
        return mismatch("the name", shown(name), shown(header.name));
    }
    check_extra(name, extra)?;
    let has_descriptor = flags & FLAG_DESCRIPTOR != 0;
    for (field, local, central) in [
        ("the flags", flags.into(), header.flags.into()),
        ("the method", method.into(), header.method.into()),
        ("the time", time, header.time),
    ] {
        if local != central {
            return mismatch(field, local.to_string(), central.to_string());
        }
    }
    for (field, local, central) in [
        ("the checksum", crc, header.crc),
        ("the packed size", packed_bytes, header.packed_bytes),
        ("the size", n_bytes, header.bytes),
    ] {
        // A writer to a pipe learns these only afterwards, and leaves them at zero here.
        if local != central && !(has_descriptor && local == 0) {
            return mismatch(field, local.to_string(), central.to_string());
        }
    }
    let packed = record.bytes(header.packed_bytes as usize)?;
    let end = record.at;
    if !has_descriptor {
        return Ok((packed, end));
    }
    let values = [header.crc, header.packed_bytes, header.bytes].map(u32::to_le_bytes).concat();
    let behind = bytes.get(end..next).unwrap_or_default();
    let matches = match behind.len() {
        12 => behind == values,
        16 => behind.starts_with(&DESCRIPTOR.to_le_bytes()) && behind.ends_with(&values),
        _ => false,
    };
    if matches { Ok((packed, next)) } else { Err(ZipError::Descriptor { name: shown(header.name) }) }
}

/// A name for people, whatever its bytes are.
fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(200).flat_map(char::escape_debug).collect()
}

// === reading ===

/// Reads a record field by field; every read is checked against the end of `bytes`.
struct Record<'a> {
    bytes: &'a [u8],
    at: usize,
    start: usize,
    what: &'static str,
}

impl<'a> Record<'a> {
    fn at(bytes: &'a [u8], at: usize, what: &'static str) -> Record<'a> {
        Record { bytes, at, start: at, what }
    }

    fn bytes(&mut self, n: usize) -> Result<&'a [u8], ZipError> {
        let end = self.at.checked_add(n);
        match end.and_then(|end| self.bytes.get(self.at..end)) {
            Some(bytes) => {
                self.at += n;
                Ok(bytes)
            }
            None => Err(ZipError::Truncated { record: self.what, at: self.start as u64 }),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ZipError> {
        let bytes = self.bytes(N)?;
        Ok(bytes.try_into().expect("`bytes` gives as many bytes as it was asked for"))
    }

    fn u16(&mut self) -> Result<u16, ZipError> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, ZipError> {
        self.array().map(u32::from_le_bytes)
    }

    fn skip(&mut self, n: usize) -> Result<(), ZipError> {
        self.bytes(n).map(|_| ())
    }

    fn signature(&mut self, expected: u32) -> Result<(), ZipError> {
        match self.u32()? {
            found if found == expected => Ok(()),
            found => Err(ZipError::Signature { record: self.what, at: self.start as u64, found }),
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }
}
