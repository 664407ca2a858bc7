//! Fetching a ZIP archive, if every ZIP reader would see the same files in it.
//!
//! First [`strict`] reads the structure of the whole archive in memory and refuses all that readers disagree on.
//! Then [`inflate`] checks each file's packed data against its declared size and checksum. Only then the `zip`
//! crate unpacks into the store, where it must see the very same list.

mod entry;
pub(crate) mod error;
mod inflate;
mod names;
mod strict;

use std::io::{Cursor, Read as _};
use std::path::Path;

use host_store::{Store, Tree};
use zip::ZipArchive;

use entry::Entry;
pub use error::ZipError;

use crate::Error;
use crate::open::open_file;
use crate::policy::{Verdict, judge, report_dropped};

/// The limits of an archive.
#[derive(Clone, Copy, Debug)]
pub struct ArchiveLimits {
    /// Most bytes of the archive itself, which is read into memory.
    pub max_archive_bytes: u64,
    /// Most files and folders.
    pub max_entries: usize,
    /// Most bytes of all files together, unpacked.
    pub max_unpacked_bytes: u64,
    /// The maximum compression ratio of a file. Files of up to 1 MiB may be compressed further.
    pub max_ratio: u64,
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

/// Makes a tree of an archive; `.cargo` folders and `rust-toolchain` files are left out.
pub(crate) fn unpack(store: &Store, limits: &ArchiveLimits, path: &Path) -> Result<Tree, Error> {
    let bytes = read(path, limits.max_archive_bytes)?;
    let entries = strict::parse(&bytes, limits)?;
    let kept = keep(&entries)?;
    for entry in entries.iter().filter(|entry| !entry.is_folder) {
        inflate::check(entry)?;
    }

    let mut archive = ZipArchive::new(Cursor::new(&bytes)).map_err(|source| ZipError::Reader { source })?;
    if archive.len() != entries.len() {
        return Err(ZipError::Disagree { rule: "how many entries there are" }.into());
    }
    let mut writer = store.new_tree()?;
    for (index, entry) in kept {
        let file = archive.by_index(index).map_err(|source| ZipError::Reader { source })?;
        if file.name_raw() != entry.raw_name || file.size() != entry.bytes || !file.is_file() {
            return Err(ZipError::Disagree { rule: "what an entry is" }.into());
        }
        // One byte more than declared, so that the reader reaches its end, where it compares the checksum.
        writer.add(entry.path.clone(), entry.executable, file.take(entry.bytes + 1))?;
    }
    Ok(writer.finish()?)
}

fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, Error> {
    let file = open_file(path)?;
    let mut bytes = Vec::new();
    file.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(|source| Error::Io {
        action: "read",
        path: path.to_owned(),
        source,
    })?;
    if bytes.len() as u64 > max_bytes {
        return Err(ZipError::TooLarge { max_bytes }.into());
    }
    Ok(bytes)
}

/// The files that go into the tree, with their index in the archive.
fn keep<'a, 'b>(entries: &'b [Entry<'a>]) -> Result<Vec<(usize, &'b Entry<'a>)>, ZipError> {
    let mut kept = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        match judge(&entry.path) {
            Verdict::Refuse => return Err(ZipError::ForbiddenName { name: entry.path.to_string() }),
            Verdict::Keep if !entry.is_folder => kept.push((index, entry)),
            Verdict::Drop if !entry.is_folder => report_dropped(&entry.path),
            Verdict::Keep | Verdict::Drop => {}
        }
    }
    Ok(kept)
}
