//! Atomic file writes: temporary file, sync, rename, sync of the folder.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::Error;
use crate::error::IoContext as _;

/// The prefix of unfinished files; a crash can leave one behind.
pub(crate) const UNFINISHED: &str = ".unfinished-";

/// Writes `bytes` to `path` with permission bits `mode`, replacing an existing file.
///
/// After a crash at any time, `path` contains either the old or the new bytes. The folder must exist.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let file = finished(path, bytes, mode)?;
    host_fail::point("store.file_written");
    file.persist(path).map_err(|error| error.error)?;
    host_fail::point("store.file_placed");
    sync_dir(folder(path))
}

/// Writes a new file; an existing file is not changed and causes an error of kind `AlreadyExists`.
pub fn write_new(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let file = finished(path, bytes, mode)?;
    file.persist_noclobber(path).map_err(|error| error.error)?;
    sync_dir(folder(path))
}

/// Creates a file with all its bytes on disk under a temporary name.
fn finished(path: &Path, bytes: &[u8], mode: u32) -> io::Result<tempfile::NamedTempFile> {
    let file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder(path));
    let mut file = file.map_err(host_file::without_path)?;
    file.write_all(bytes)?;
    // The mode is set before the name appears, so that the bytes are never readable under a wider mode.
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Syncs `folder`, so that a rename inside of it survives a power failure.
pub(crate) fn sync_dir(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removes unfinished files in `folder` that are older than `age`.
pub(crate) fn sweep(folder: &Path, age: Duration) -> io::Result<()> {
    let now = SystemTime::now();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            continue;
        }
        let metadata = entry.metadata()?;
        if now.duration_since(metadata.modified()?).unwrap_or_default() < age {
            continue;
        }
        if metadata.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
    }
    Ok(())
}

/// Removes a file, or a folder with its content.
pub(crate) fn remove(path: &Path) -> Result<(), Error> {
    let is_dir = fs::symlink_metadata(path).context("look at", path)?.is_dir();
    if is_dir { fs::remove_dir_all(path) } else { fs::remove_file(path) }.context("remove", path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_the_file_sets_its_mode_and_leaves_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"one", 0o644).unwrap();
        write(&path, b"two", 0o600).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write(&folder.path().join("no/folder"), b"", 0o600).is_err());

        let error = write_new(&path, b"three", 0o644).unwrap_err();
        assert_eq!((error.kind(), fs::read(&path).unwrap()), (io::ErrorKind::AlreadyExists, b"two".to_vec()));
        write_new(&folder.path().join("b"), b"three", 0o600).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn unfinished_files_of_a_crash_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("kept"), b"", 0o600).unwrap();
        write(&folder.path().join(format!("{UNFINISHED}x")), b"", 0o600).unwrap();
        fs::create_dir_all(folder.path().join(format!("{UNFINISHED}y/deep"))).unwrap();
        sweep(folder.path(), Duration::from_secs(3600)).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "another process may be writing them");
        sweep(folder.path(), Duration::ZERO).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
