//! The end of an archive: the end record, the records of ZIP64 in front of it if they agree with it, and padding.
//!
//! Readers look for the end record from the end of the file, so the last one counts. Another one can be part of a file
//! in the archive, such as a ZIP archive that is stored without compression.
#![forbid(unsafe_code)]

use super::record::{Record, ZIP64_VERSION};
use crate::ZipError;

const END: u32 = 0x0605_4b50;
const END_BYTES: usize = 22;
const ZIP64_END: u32 = 0x0606_4b50;
const ZIP64_END_BYTES: usize = 56;
const ZIP64_LOCATOR: u32 = 0x0706_4b50;
const ZIP64_LOCATOR_BYTES: usize = 20;
/// The maximum padding: writers to a pipe fill their last block of 10 KiB with zeros, and readers skip them.
const MAX_PADDING: usize = 10 << 10;
/// The part at the end of the file in which readers look for the end record, before a comment of any length.
const END_WINDOW: usize = END_BYTES + 0xffff + MAX_PADDING;
/// The maximum length of the comment, in which git archive and GitHub write the commit id.
const MAX_COMMENT: usize = 1024;

/// The position of the directory, as all end records declare it.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) n_entries: usize,
    /// The number of bytes of the archive without padding.
    pub(super) archive_bytes: usize,
    /// The places of other end records: each must be inside the data of an entry.
    pub(super) others: Vec<usize>,
}

/// The fields that an end record and the end record of ZIP64 both have.
struct Declared {
    n_entries: u64,
    size: u64,
    start: u64,
}

/// Finds and reads the end record.
pub(super) fn read(archive: &[u8]) -> Result<Directory, ZipError> {
    let mut places = find(archive);
    let Some(at) = places.pop() else { return Err(ZipError::NoEnd { looks_like: kind_of(archive) }) };
    if places.is_empty() {
        return read_at(archive, at);
    }
    let many_ends = ZipError::ManyEnds { found: places.len() + 1 };
    // With padding, a reader that expects the comment to reach the end of the file continues its search.
    match read_at(archive, at) {
        Ok(found) if found.archive_bytes == archive.len() && !places.iter().any(|at| may_be_the_end(archive, *at)) => {
            Ok(Directory { others: places, ..found })
        }
        _ => Err(many_ends),
    }
}

/// The range of an end record without its comment.
pub(super) fn range_of(place: usize) -> std::ops::Range<usize> {
    place..place + END_BYTES
}

/// Returns whether a reader could prefer an end record to the last one: its comment reaches the end of the file, or its
/// directory ends where it starts.
fn may_be_the_end(archive: &[u8], at: usize) -> bool {
    let mut record = Record::at(archive, at, "an end record");
    let mut fields = || -> Result<(u64, u64, usize), ZipError> {
        record.skip(12)?;
        Ok((record.u32()?.into(), record.u32()?.into(), record.u16()?.into()))
    };
    let Ok((size, start, comment_bytes)) = fields() else { return false };
    start + size == at as u64 || at + END_BYTES + comment_bytes == archive.len()
}

fn read_at(archive: &[u8], at: usize) -> Result<Directory, ZipError> {
    let mut record = Record::at(archive, at, "the end record");
    record.skip(4)?;
    let (disk, directory_disk) = (record.u16()?, record.u16()?);
    let (n_here, n_entries) = (record.u16()?, record.u16()?);
    let (size, start) = (record.u32()?, record.u32()?);
    let comment_bytes = usize::from(record.u16()?);
    if disk != 0 || directory_disk != 0 || n_here != n_entries {
        return Err(ZipError::MultiDisk);
    }
    check_comment(record.rest(), comment_bytes)?;
    let (directory_end, declared) = match zip64(archive, at)? {
        Some((end, large)) => {
            let fits = (n_entries == u16::MAX || u64::from(n_entries) == large.n_entries)
                && (size == u32::MAX || u64::from(size) == large.size)
                && (start == u32::MAX || u64::from(start) == large.start);
            if !fits {
                return Err(zip64_error("whose end record differs from the other end record"));
            }
            (end, large)
        }
        None if n_entries == u16::MAX || size == u32::MAX || start == u32::MAX => {
            return Err(zip64_error("without the end record of ZIP64"));
        }
        None => (at, Declared { n_entries: n_entries.into(), size: size.into(), start: start.into() }),
    };
    let found = declared.start.saturating_add(declared.size);
    if found != directory_end as u64 {
        return Err(ZipError::DirectoryPlace { expected: directory_end as u64, found });
    }
    Ok(Directory {
        start: declared.start as usize,
        end: directory_end,
        n_entries: usize::try_from(declared.n_entries).unwrap_or(usize::MAX),
        archive_bytes: at + END_BYTES + comment_bytes,
        others: vec![],
    })
}

/// The places of all end records that a reader may find, in their order.
fn find(archive: &[u8]) -> Vec<usize> {
    let from = archive.len().saturating_sub(END_WINDOW);
    let window = archive.get(from..).unwrap_or_default();
    let signature = END.to_le_bytes();
    window.windows(4).enumerate().filter(|(_, bytes)| *bytes == signature).map(|(at, _)| from + at).collect()
}

/// The kind of another archive, by its first bytes.
fn kind_of(file: &[u8]) -> Option<&'static str> {
    match file {
        [0x1f, 0x8b, ..] => Some("a gzip file (`.tar.gz`)"),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Some("an XZ file (`.tar.xz`)"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("a Zstandard file (`.tar.zst`)"),
        [b'B', b'Z', b'h', ..] => Some("a bzip2 file (`.tar.bz2`)"),
        [b'7', b'z', 0xbc, 0xaf, ..] => Some("a 7z archive"),
        [b'R', b'a', b'r', b'!', ..] => Some("a RAR archive"),
        [0x7f, b'E', b'L', b'F', ..] => Some("a library or program"),
        [b'<', ..] => Some("a web page"),
        start if start.starts_with(b"version https://git-lfs.github.com/") => {
            Some("a pointer of Git LFS; `git lfs pull` replaces it with the file")
        }
        _ => None,
    }
}

/// Checks the rest of the file: the comment, and zeros that fill the last block of a pipe.
fn check_comment(rest: &[u8], comment_bytes: usize) -> Result<(), ZipError> {
    let Some((comment, padding)) = rest.split_at_checked(comment_bytes) else {
        return Err(ZipError::Comment { rule: "is cut off" });
    };
    if padding.len() >= MAX_PADDING || padding.iter().any(|byte| *byte != 0) {
        return Err(ZipError::Comment { rule: "does not end where the file ends" });
    }
    if comment.len() > MAX_COMMENT {
        return Err(ZipError::Comment { rule: "has more than 1024 bytes" });
    }
    if !comment.iter().all(|c| matches!(c, b' '..=b'~' | b'\n' | b'\r' | b'\t')) {
        return Err(ZipError::Comment { rule: "holds more than printable ASCII" });
    }
    Ok(())
}

/// The end record of ZIP64, which some writers to a pipe add to small archives, and its position; `None` without one.
fn zip64(archive: &[u8], end: usize) -> Result<Option<(usize, Declared)>, ZipError> {
    let locator_at = end.checked_sub(ZIP64_LOCATOR_BYTES);
    let is_there = |at: &usize| archive.get(*at..*at + 4) == Some(&ZIP64_LOCATOR.to_le_bytes());
    let Some(locator_at) = locator_at.filter(is_there) else { return Ok(None) };
    let misplaced = || zip64_error("whose records are not directly before the end record");
    let at = locator_at.checked_sub(ZIP64_END_BYTES).ok_or_else(misplaced)?;
    let mut locator = Record::at(archive, locator_at, "the locator of ZIP64");
    locator.skip(4)?;
    let (disk, place, n_disks) = (locator.u32()?, locator.u64()?, locator.u32()?);
    if place != at as u64 {
        return Err(misplaced());
    }
    let mut record = Record::at(archive, at, "the end record of ZIP64");
    record.signature(ZIP64_END)?;
    let (bytes, _, version) = (record.u64()?, record.u16()?, record.u16()?);
    if bytes != (ZIP64_END_BYTES - 12) as u64 || version > ZIP64_VERSION {
        return Err(zip64_error("in a version with more than sizes"));
    }
    let (this_disk, directory_disk) = (record.u32()?, record.u32()?);
    let (n_here, n_entries) = (record.u64()?, record.u64()?);
    if [disk, this_disk, directory_disk] != [0, 0, 0] || n_disks != 1 || n_here != n_entries {
        return Err(ZipError::MultiDisk);
    }
    Ok(Some((at, Declared { n_entries, size: record.u64()?, start: record.u64()? })))
}

fn zip64_error(rule: &'static str) -> ZipError {
    ZipError::Zip64 { place: "its end".to_owned(), rule }
}
