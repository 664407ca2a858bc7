//! Errors about a path of a source.

use std::io;
use std::path::Path;

use rustix::io::Errno;

use super::Error;

impl Error {
    /// The error for a path that is not a folder.
    pub(crate) fn not_a_folder(path: &Path) -> Error {
        Error::NotAFolder { path: path.to_owned(), kind: kind_at(path) }
    }

    /// The error for a path that is not a regular file.
    pub(crate) fn not_a_file(path: &Path) -> Error {
        Error::NotAFile { path: path.to_owned(), kind: kind_at(path) }
    }

    /// An error of the file system about a path of a source.
    pub(crate) fn of_path(action: &'static str, path: &Path, source: impl Into<io::Error>) -> Error {
        use io::ErrorKind::{InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied};

        let (source, path) = (source.into(), path.to_owned());
        // Devices and sockets that no program listens to have no kind of their own.
        let is_odd = [Errno::LOOP, Errno::NXIO, Errno::NODEV, Errno::OVERFLOW, Errno::XDEV, Errno::OPNOTSUPP];
        let is_odd = is_odd.iter().any(|errno| source.raw_os_error() == Some(errno.raw_os_error()));
        match source.kind() {
            NotFound => Error::NothingThere { path, near: None, link: None },
            NotADirectory | IsADirectory | InvalidFilename | InvalidInput | PermissionDenied => {
                Error::Unreadable { action, path, source }
            }
            _ if is_odd => Error::Unreadable { action, path, source },
            _ => Error::Io { action, path, source },
        }
    }
}

/// The kind of the file at a path. Links are not followed.
fn kind_at(path: &Path) -> &'static str {
    std::fs::symlink_metadata(path).map_or("file that was replaced", |found| host_file::kind(found.file_type()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_cannot_be_followed_is_a_matter_of_the_caller() {
        let code = |errno: Errno| Error::of_path("open", Path::new("/x"), errno).code();
        assert_eq!(code(Errno::NOENT), "fetch_nothing_there");
        for errno in [Errno::NAMETOOLONG, Errno::LOOP, Errno::NOTDIR, Errno::ISDIR, Errno::ACCESS, Errno::PERM] {
            assert_eq!(code(errno), "fetch_unreadable", "{errno}");
        }
        for errno in [Errno::INVAL, Errno::NXIO, Errno::NODEV, Errno::OVERFLOW, Errno::XDEV] {
            assert_eq!(code(errno), "fetch_unreadable", "{errno}");
        }
        for errno in [Errno::IO, Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::STALE] {
            assert_eq!(code(errno), "fetch_io", "{errno}");
        }
        let message = Error::of_path("open", Path::new("/x"), Errno::LOOP).to_string();
        assert!(message.contains("`/x`; hint: links of the path lead in a circle"), "{message}");
    }
}
