//! Reads files that a person names: in an argument, a variable or a setting, or files in the data folders.
//!
//! Such a path may lead to a pipe, which would wait for a writer, to a device without an end, or to a file that does
//! not fit into memory. This crate refuses such files before it reads them. A file without a known size is read up to
//! the limit.

mod error;

use std::fs::{File, FileType, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

pub use error::ReadError;

/// Reads a regular file of at most `max_bytes` bytes. Links are followed.
///
/// # Errors
/// [`ReadError`], except for [`ReadError::NotText`].
pub fn read(path: &Path, max_bytes: u64) -> Result<Vec<u8>, ReadError> {
    read_with_metadata(path, max_bytes).map(|(bytes, _)| bytes)
}

/// Reads a regular file of at most `max_bytes` bytes and its metadata. Links are followed.
///
/// # Errors
/// [`ReadError`], except for [`ReadError::NotText`].
pub fn read_with_metadata(path: &Path, max_bytes: u64) -> Result<(Vec<u8>, Metadata), ReadError> {
    // The kind is checked before the file is opened, because opening some devices has effects, and a socket cannot be
    // opened.
    check(&std::fs::metadata(path)?, max_bytes)?;
    // The kind is checked again, because the file may have been replaced by a pipe in the meantime.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    check(&metadata, max_bytes)?;
    // Files of /proc have no size.
    Ok((bytes(file, max_bytes)?, metadata))
}

/// Reads a regular file of at most `max_bytes` bytes as UTF-8. Links are followed.
///
/// # Errors
/// [`ReadError`].
pub fn read_text(path: &Path, max_bytes: u64) -> Result<String, ReadError> {
    text(read(path, max_bytes)?)
}

/// Reads a stream, such as standard input, to its end as UTF-8.
///
/// # Errors
/// [`ReadError`], except for [`ReadError::NotAFile`].
pub fn read_stream(stream: impl io::Read, max_bytes: u64) -> Result<String, ReadError> {
    text(bytes(stream, max_bytes)?)
}

/// Removes the path from the message of an error of the crate tempfile: its random name means nothing to a reader.
pub fn without_path(error: io::Error) -> io::Error {
    let message = error.to_string();
    match message.split_once(" at path \"") {
        Some((cause, _)) => io::Error::new(error.kind(), cause.to_owned()),
        None => error,
    }
}

fn bytes(stream: impl io::Read, max_bytes: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = vec![];
    stream.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes { Err(ReadError::TooLarge { found: None, max_bytes }) } else { Ok(bytes) }
}

fn text(bytes: Vec<u8>) -> Result<String, ReadError> {
    String::from_utf8(bytes).map_err(|error| ReadError::NotText { at: error.utf8_error().valid_up_to() })
}

fn check(metadata: &Metadata, max_bytes: u64) -> Result<(), ReadError> {
    if !metadata.is_file() {
        Err(ReadError::NotAFile { kind: kind(metadata.file_type()), max_bytes })
    } else if metadata.len() > max_bytes {
        Err(ReadError::TooLarge { found: Some(metadata.len()), max_bytes })
    } else {
        Ok(())
    }
}

/// Returns the name of a kind of file for messages.
pub fn kind(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_file() => "file",
        kind if kind.is_dir() => "folder",
        kind if kind.is_symlink() => "symbolic link",
        kind if kind.is_fifo() => "pipe",
        kind if kind.is_socket() => "socket",
        _ => "device",
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests write the files that they read")]
mod tests {
    use std::fs;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn only_regular_files_of_limited_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let reason = |name: &str| read_text(&at(name), 1 << 10).unwrap_err().to_string();
        fs::write(at("file"), "Zo\u{eb}").unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        assert_eq!(read_text(&at("file"), 4).unwrap(), "Zo\u{eb}");
        assert_eq!(read_text(&at("link"), 4).unwrap(), "Zo\u{eb}");
        assert!(matches!(read_text(&at("file"), 3), Err(ReadError::TooLarge { found: Some(4), max_bytes: 3 })));
        assert!(read_text(&at("none"), 1).unwrap_err().is_not_found());

        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), rustix::fs::Mode::RUSR).unwrap();
        let _listener = UnixListener::bind(at("socket")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", at("device")).unwrap();
        for kind in ["pipe", "socket", "folder", "device"] {
            assert_eq!(reason(kind), format!("it is a {kind}; it must be a regular file of at most 1 KiB"));
        }
        // Sparse: it takes no space on disk.
        File::create(at("large")).unwrap().set_len(10 << 30).unwrap();
        assert_eq!(reason("large"), "it has 10.0 GiB; it must be a regular file of at most 1 KiB");
        fs::write(at("latin"), b"Zo\xeb").unwrap();
        assert_eq!(reason("latin"), "byte 3 is not valid UTF-8; it must be a text file in UTF-8");
        assert_eq!(read(&at("latin"), 3).unwrap(), b"Zo\xeb");
    }

    #[test]
    fn the_error_of_a_temporary_file_does_not_name_the_file() {
        let error = tempfile::NamedTempFile::new_in("/nonexistent").unwrap_err();
        assert!(error.to_string().contains("/nonexistent/"), "{error}");
        assert_eq!(without_path(error).to_string(), "No such file or directory (os error 2)");
        assert_eq!(without_path(io::Error::other("x")).to_string(), "x");
    }

    #[test]
    fn files_without_a_size_and_streams_are_limited_too() {
        assert!(matches!(read(Path::new("/proc/self/maps"), 8), Err(ReadError::TooLarge { .. })));
        assert!(matches!(read_stream(io::repeat(b'x'), 8), Err(ReadError::TooLarge { .. })));
        assert_eq!(read_stream(&b"12345678"[..], 8).unwrap(), "12345678");
        assert!(matches!(read_stream(&b"\xff"[..], 8), Err(ReadError::NotText { at: 0 })));
    }
}
