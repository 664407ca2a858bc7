//! Fetching a ZIP archive, if every ZIP reader would see the same files in it.
//!
//! First [`strict`] reads the structure of the whole archive in memory and refuses what readers interpret differently.
//! Then [`inflate`] checks each file's packed data against its declared size and checksum. Finally, the `zip`
//! crate unpacks into the store; it must see the same list of files.

mod directory;
mod end;
mod entry;
mod extra;
mod inflate;
mod local;
mod names;
mod record;
mod strict;
mod text;

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;

use host_store::Store;
use zip::ZipArchive;

use entry::Entry;

use crate::left_out::LeftOut;
use crate::open::open_file;
use crate::policy::{Verdict, judge};
use crate::{Error, Fetched, ZipError, lfs_pointers, links};

/// The limits of an archive.
#[derive(Clone, Copy, Debug)]
pub struct ArchiveLimits {
    /// The maximum size of the archive itself, which is read into memory.
    pub max_archive_bytes: u64,
    /// The maximum number of files and folders.
    pub max_entries: usize,
    /// The maximum size of all files together, unpacked.
    pub max_unpacked_bytes: u64,
    /// The maximum compression ratio of a file. Files of up to 1 MiB may be compressed further.
    pub max_ratio: u64,
}

/// Smaller files may have any compression ratio.
pub(crate) const RATIO_FROM_BYTES: u64 = 1 << 20;

impl ArchiveLimits {
    /// Returns whether a file is refused as a ZIP bomb.
    pub(crate) fn is_too_dense(&self, bytes: u64, packed_bytes: u64) -> bool {
        bytes > RATIO_FROM_BYTES && bytes > packed_bytes.saturating_mul(self.max_ratio)
    }
}

impl Default for ArchiveLimits {
    /// 64 MiB, 10,000 entries, 256 MiB unpacked, 200 times.
    fn default() -> ArchiveLimits {
        ArchiveLimits {
            max_archive_bytes: 64 << 20,
            max_entries: 10_000,
            max_unpacked_bytes: 256 << 20,
            max_ratio: 200,
        }
    }
}

/// Makes a tree of an archive, without the files that [`judge`] leaves out.
pub(crate) fn unpack(store: &Store, limits: &ArchiveLimits, path: &Path) -> Result<Fetched, Error> {
    let bytes = read(path, limits.max_archive_bytes)?;
    let parsed = strict::parse(&bytes, limits)?;
    let mut left_out = LeftOut::default();
    let kept = keep(&parsed.entries, &mut left_out)?;
    for entry in parsed.entries.iter().filter(|entry| !entry.is_folder) {
        inflate::check(entry)?;
    }

    let mut archive = ZipArchive::new(Cursor::new(parsed.bytes)).map_err(|source| ZipError::Reader { source })?;
    if archive.len() != parsed.n_entries {
        return Err(ZipError::Disagree { rule: "how many entries there are" }.into());
    }
    let mut writer = store.new_tree()?;
    for entry in kept.values() {
        if !entry.is_link {
            writer.add(entry.path.clone(), entry.executable, content(&mut archive, entry)?)?;
            continue;
        }
        let (target, file) = resolve_link(&mut archive, &kept, entry)?;
        match file {
            Some(file) => _ = writer.add(entry.path.clone(), file.executable, content(&mut archive, file)?)?,
            None => left_out.add_link(entry.path.as_str(), &target),
        }
    }
    let tree = writer.finish()?;
    let warnings = [left_out.warnings(), lfs_pointers::warnings(&tree)].concat();
    Ok(Fetched::from_tree(tree, warnings))
}

type Reader<'a> = ZipArchive<Cursor<&'a [u8]>>;

/// Returns the content of an entry, if both readers see the same entry.
fn content<'a>(archive: &'a mut Reader<'_>, entry: &Entry<'_>) -> Result<impl Read + 'a, Error> {
    let file = archive.by_index(entry.index).map_err(|source| ZipError::Reader { source })?;
    let is_same_kind = if entry.is_link { file.is_symlink() } else { file.is_file() };
    if file.name_raw() != entry.raw_name || file.size() != entry.bytes || !is_same_kind {
        return Err(ZipError::Disagree { rule: "what an entry is" }.into());
    }
    // One byte more than declared, so that the reader reaches its end, where it compares the checksum.
    Ok(file.take(entry.bytes + 1))
}

/// Returns the target of a symbolic link as it is written, and the file at the end of the chain of links; `None` if the
/// chain does not end at a file of the archive.
fn resolve_link<'a, 'b>(
    archive: &mut Reader<'_>,
    kept: &BTreeMap<&str, &'b Entry<'a>>,
    link: &Entry<'a>,
) -> Result<(String, Option<&'b Entry<'a>>), Error> {
    let mut said = None;
    let mut at = link;
    for _ in 0..links::MAX_LINKS {
        let mut target = Vec::new();
        let read = content(archive, at)?.take(links::MAX_TARGET_BYTES).read_to_end(&mut target);
        read.map_err(|_| ZipError::Disagree { rule: "what an entry is" })?;
        let target = String::from_utf8_lossy(&target).into_owned();
        let place = links::resolve(at.path.as_str(), &target);
        let said = said.get_or_insert(target);
        match place.and_then(|place| kept.get(place.as_str()).copied()) {
            Some(next) if next.is_link => at = next,
            file => return Ok((said.clone(), file)),
        }
    }
    Ok((said.unwrap_or_default(), None))
}

fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, Error> {
    let file = open_file(path)?;
    let mut bytes = Vec::new();
    let read = file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|source| Error::of_path("read", path, source))?;
    if bytes.len() as u64 > max_bytes {
        return Err(ZipError::TooLarge { max_bytes }.into());
    }
    Ok(bytes)
}

/// The files and links that are added to the tree, by their paths.
fn keep<'a, 'b>(
    entries: &'b [Entry<'a>],
    left_out: &mut LeftOut,
) -> Result<BTreeMap<&'b str, &'b Entry<'a>>, ZipError> {
    let mut kept = BTreeMap::new();
    for entry in entries {
        match judge(&entry.path) {
            Verdict::Refuse => return Err(ZipError::ForbiddenName { name: entry.path.to_string() }),
            Verdict::Keep if entry.is_folder => {}
            Verdict::Keep => _ = kept.insert(entry.path.as_str(), entry),
            Verdict::Drop(reason, path) => left_out.add(reason, path),
        }
    }
    Ok(kept)
}
