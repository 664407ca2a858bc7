//! Parses the structure of a ZIP archive and accepts only archives that every reader interprets equally.
//!
//! Some readers start at the directory, others at the first byte; some trust the local header, others the central one;
//! some skip unknown parts. An archive is accepted only if all readers find the same list: one end record outside of
//! the files, a directory directly before it, and entries that fill the rest without a gap.
#![forbid(unsafe_code)]

use host_core::TreePath;

use super::directory::{FLAG_UTF8, Header};
use super::entry::{Entry, Method};
use super::names::Names;
use super::record::shown;
use super::{ArchiveLimits, directory, end, local, text};
use crate::ZipError;

/// The bits of a Unix mode that encode the kind of file.
const KIND: u32 = 0o170_000;
const LINK: u32 = 0o120_000;

/// The bytes of an archive without padding, and its entries.
#[derive(Debug)]
pub(super) struct Archive<'a> {
    pub(super) bytes: &'a [u8],
    /// The number of entries, with those for the archive's own root folder.
    pub(super) n_entries: usize,
    /// The files and folders in the order of the directory.
    pub(super) entries: Vec<Entry<'a>>,
}

/// Reads and checks the structure of `archive`.
pub(super) fn parse<'a>(archive: &'a [u8], limits: &ArchiveLimits) -> Result<Archive<'a>, ZipError> {
    let directory = end::read(archive)?;
    if directory.n_entries > limits.max_entries {
        return Err(ZipError::TooManyEntries { found: directory.n_entries, max_entries: limits.max_entries });
    }
    let headers = directory::read(archive, &directory)?;
    let packed = local::tile(archive, &headers, directory.start)?;
    let is_in_data = |place: &usize| {
        let other = end::range_of(*place);
        packed.iter().any(|data| data.start <= other.start && other.end <= data.end)
    };
    if !directory.others.iter().all(is_in_data) {
        return Err(ZipError::ManyEnds { found: directory.others.len() + 1 });
    }

    let mut names = Names::default();
    let mut entries = Vec::with_capacity(headers.len());
    let mut total = 0_u64;
    for (index, (header, packed)) in headers.iter().zip(packed).enumerate() {
        let packed = archive.get(packed).unwrap_or_default();
        let Some(entry) = header.entry(index, packed)? else { continue };
        names.take(&entry)?;
        total += entry.bytes;
        if total > limits.max_unpacked_bytes {
            let name = entry.path.to_string();
            return Err(ZipError::UnpackedTooLarge { name, max_bytes: limits.max_unpacked_bytes });
        }
        let packed_bytes = packed.len() as u64;
        if limits.is_too_dense(entry.bytes, packed_bytes) {
            let (name, bytes) = (entry.path.to_string(), entry.bytes);
            return Err(ZipError::Ratio { name, bytes, packed_bytes, max_ratio: limits.max_ratio });
        }
        entries.push(entry);
    }
    let bytes = archive.get(..directory.archive_bytes).unwrap_or_default();
    Ok(Archive { bytes, n_entries: headers.len(), entries })
}

impl<'a> Header<'a> {
    /// The checked entry; `None` for the root folder, which some writers list as `./`.
    fn entry(&self, index: usize, packed: &'a [u8]) -> Result<Option<Entry<'a>>, ZipError> {
        let name = || shown(self.name);
        let method = match self.method {
            0 => Method::Stored,
            8 => Method::Deflated,
            method => return Err(ZipError::Method { name: name(), method, method_name: method_name(method) }),
        };
        if method == Method::Stored && self.bytes != self.packed_bytes {
            return Err(ZipError::Size { name: name(), declared: self.bytes.into(), found: self.packed_bytes.into() });
        }
        let text = text::decode(self.name, self.flags & FLAG_UTF8 != 0, self.unicode_name)?;
        if text.contains('\\') {
            return Err(ZipError::Backslash { name: name() });
        }
        let raw_name = text.as_bytes();
        let (text, is_folder) = match text.strip_suffix('/') {
            Some(text) => (text, true),
            None => (text, false),
        };
        let is_root = is_folder && text == ".";
        // Writers that are told to pack `.` put `./` in front of each name, and every reader takes it away.
        let path = text.strip_prefix("./").unwrap_or(text);
        let path: Option<TreePath> = if is_root { None } else { Some(path.parse()?) };
        if path.iter().flat_map(TreePath::parts).any(looks_like_a_vms_version) {
            return Err(ZipError::VersionSuffix { name: name() });
        }
        let mode = self.check_attributes(is_folder)?;
        if is_folder && (self.bytes != 0 || self.crc != 0) {
            return Err(ZipError::Folder { name: name(), rule: "is a folder and has data" });
        }
        Ok(path.map(|path| Entry {
            index,
            path,
            raw_name,
            is_folder,
            is_link: mode & KIND == LINK,
            executable: !is_folder && mode & 0o111 != 0,
            method,
            crc: self.crc,
            bytes: self.bytes.into(),
            packed,
        }))
    }

    /// Checks and returns the Unix mode, which some non-Unix writers set as well, and some Unix writers leave at 0.
    fn check_attributes(&self, is_folder: bool) -> Result<u32, ZipError> {
        const DOS_VOLUME_LABEL: u32 = 0x08;
        const DOS_FOLDER: u32 = 0x10;
        let name = || shown(self.name);
        // Some readers skip such a file, if DOS or Windows is said to have made it.
        if self.attributes & DOS_VOLUME_LABEL != 0 {
            return Err(ZipError::VolumeLabel { name: name() });
        }
        let mode = self.attributes >> 16;
        let is_dos_folder = self.attributes & DOS_FOLDER != 0;
        let refuse = |rule| Err(ZipError::Folder { name: name(), rule });
        // Some writers leave the attributes of DOS at 0 for folders, too.
        match (mode & KIND, is_dos_folder, is_folder) {
            (0 | 0o040_000, _, true) | (0 | 0o100_000 | LINK, false, false) => {}
            (0o100_000, true, _) => return refuse("has the Unix mode of a file and the DOS attribute of a folder"),
            (0 | 0o040_000, _, false) => return refuse("has the attributes of a folder and the name of a file"),
            (0o100_000, false, true) => return refuse("has the attributes of a file and the name of a folder"),
            _ => return Err(ZipError::FileType { name: name(), mode }),
        }
        // A setgid bit on a folder is common on some systems, and new folders are created in any case.
        if !is_folder && mode & 0o6000 != 0 {
            return Err(ZipError::SetId { name: name(), mode });
        }
        Ok(mode)
    }
}

/// Returns whether a part of a name ends in `;` and digits, which some readers remove as a version number of VMS.
fn looks_like_a_vms_version(part: &str) -> bool {
    part.rsplit_once(';').is_some_and(|(_, version)| version.bytes().all(|c| c.is_ascii_digit()))
}

/// The name of a compression method for people.
fn method_name(method: u16) -> &'static str {
    match method {
        1 => "Shrink",
        2..=5 => "Reduce",
        6 => "Implode",
        9 => "Deflate64",
        12 => "bzip2",
        14 => "LZMA",
        20 | 93 => "Zstandard",
        95 => "XZ",
        96 => "JPEG",
        97 => "WavPack",
        98 => "PPMd",
        99 => "AES encryption",
        _ => "unknown",
    }
}
