//! Writes a reproducible ZIP archive: independent of the clock, the user and the order of files in a folder.

use std::io::{Cursor, Write as _};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// The deflate level. Fixed, because another level produces other bytes.
const LEVEL: i64 = 6;

/// A file of an archive.
pub(super) struct ArchiveEntry {
    pub(super) path: String,
    pub(super) executable: bool,
    pub(super) content: Vec<u8>,
    /// Whether the file is stored without compression.
    pub(super) stored: bool,
}

/// Writes an archive of these files, which must be sorted.
pub(super) fn write(entries: &[ArchiveEntry]) -> Result<Vec<u8>, ZipError> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let method = if entry.stored { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .compression_level((!entry.stored).then_some(LEVEL))
            .last_modified_time(DateTime::default())
            .unix_permissions(if entry.executable { 0o755 } else { 0o644 });
        writer.start_file(entry.path.as_str(), options)?;
        writer.write_all(&entry.content)?;
    }
    Ok(writer.finish()?.into_inner())
}
