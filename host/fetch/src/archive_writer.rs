//! Writes ZIP archives that are independent of the clock, the user and the order of files in a folder.

use std::io::{self, Seek, Write};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use host_store::Tree;
use zip::result::ZipError as Failed;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::zip::RATIO_FROM_BYTES;
use crate::{ArchiveLimits, Error};

/// The deflate level. Fixed, because another level produces other bytes.
const LEVEL: u32 = 6;
/// The folder for the files of a tree in an archive. It is removed from their paths when the archive is read.
pub const TOP_FOLDER: &str = "source";

/// An archive that is being written.
pub struct ArchiveWriter<W: Write + Seek>(ZipWriter<W>);

impl<W: Write + Seek> ArchiveWriter<W> {
    /// Starts an archive.
    pub fn new(writer: W) -> ArchiveWriter<W> {
        ArchiveWriter(ZipWriter::new(writer))
    }

    /// Adds a file. Equal files make equal archives only if they are added in the same order.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub fn add(&mut self, path: &str, is_executable: bool, content: &[u8]) -> Result<(), io::Error> {
        let is_stored = is_too_dense(content)?;
        let method = if is_stored { CompressionMethod::Stored } else { CompressionMethod::Deflated };
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .compression_level((!is_stored).then_some(LEVEL.into()))
            .last_modified_time(DateTime::default())
            .unix_permissions(if is_executable { 0o755 } else { 0o644 });
        self.0.start_file(path, options).map_err(io_error)?;
        self.0.write_all(content)
    }

    /// Adds the files of a tree below a folder.
    ///
    /// # Errors
    /// [`Error::Store`] if a file cannot be read, [`Error::Io`] if the archive cannot be written.
    pub fn add_tree(&mut self, folder: &str, tree: &Tree) -> Result<(), Error> {
        for file in tree.files() {
            let content = tree.read(&file.path, file.bytes)?;
            let path = format!("{folder}/{}", file.path);
            let added = self.add(&path, file.executable, &content);
            added.map_err(|source| Error::Io { action: "write", path: "archive".into(), source })?;
        }
        Ok(())
    }

    /// Ends the archive and returns its writer.
    ///
    /// # Errors
    /// The archive cannot be written.
    pub fn finish(self) -> Result<W, io::Error> {
        self.0.finish().map_err(io_error)
    }
}

/// Returns whether a file would be refused as a ZIP bomb if it was compressed, so it is stored without compression.
fn is_too_dense(content: &[u8]) -> Result<bool, io::Error> {
    let bytes = content.len() as u64;
    if bytes <= RATIO_FROM_BYTES {
        return Ok(false);
    }
    let mut encoder = DeflateEncoder::new(Count(0), Compression::new(LEVEL));
    encoder.write_all(content)?;
    let Count(packed) = encoder.finish()?;
    Ok(ArchiveLimits::default().is_too_dense(bytes, packed))
}

/// Counts the bytes that are written.
struct Count(u64);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn io_error(error: Failed) -> io::Error {
    match error {
        Failed::Io(error) => error,
        error => io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use host_store::{Config, Store, TreeLimits};

    use super::*;

    #[test]
    fn the_archive_of_a_tree_becomes_an_equal_tree() {
        let folder = tempfile::tempdir().unwrap();
        let (plugin_dir, cache_dir) = (folder.path().join("plugins"), folder.path().join("cache"));
        let store = Store::open(Config { plugin_dir, cache_dir, limits: TreeLimits::default() }).unwrap();
        let zeros = vec![0; 3 << 20];
        for files in [
            &[("plugin.yaml", &b"id: a"[..]), ("src/lib.rs", b"x"), ("zeros", &zeros)][..],
            // All files in one folder, which must not be removed twice.
            &[("a/b/plugin.yaml", b"id: a")],
        ] {
            let mut writer = store.new_tree().unwrap();
            for (path, content) in files {
                writer.add(path.parse().unwrap(), *path == "src/lib.rs", *content).unwrap();
            }
            let tree = writer.finish().unwrap();
            let mut archive = ArchiveWriter::new(Cursor::new(vec![]));
            archive.add_tree(TOP_FOLDER, &tree).unwrap();
            let path = folder.path().join("tree.zip");
            host_store::atomic::write(&path, archive.finish().unwrap().get_ref(), 0o600).unwrap();
            let again = crate::unpack(&store, &ArchiveLimits::default(), &path).unwrap();
            assert_eq!((again.tree.digest(), again.warnings), (tree.digest(), vec![]));
        }
    }
}
