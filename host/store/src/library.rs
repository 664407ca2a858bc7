//! Copying and reading libraries.

use std::fs::{File, Permissions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use host_core::{Digest, DigestWriter};
use rustix::fs::OFlags;

use crate::Error;
use crate::error::IoContext as _;

/// The maximum size of a library, so that a faulty build cannot fill the disk a second time with its copy.
const MAX_LIBRARY_BYTES: u64 = 512 << 20;

/// Copies a library and returns its digest and its size in bytes.
pub(crate) fn copy_library(from: &Path, to: &Path) -> Result<(Digest, u64), Error> {
    let mut reader = open_library(from)?;
    let mut writer = File::options().write(true).create_new(true).mode(0o600).open(to).context("create", to)?;
    let copied = copy(&mut reader, &mut writer, from)?;
    writer.set_permissions(Permissions::from_mode(0o444)).context("set the mode of", to)?;
    writer.sync_all().context("sync", to)?;
    Ok(copied)
}

/// Returns the digest of a library and its size in bytes.
pub(crate) fn library_digest(path: &Path) -> Result<(Digest, u64), Error> {
    copy(&mut open_library(path)?, &mut io::sink(), path)
}

/// Opens a library. A build could leave a link or a pipe in its place: links are not followed, and the open does not
/// wait for a pipe.
fn open_library(path: &Path) -> Result<File, Error> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = match File::options().read(true).custom_flags(flags.cast_signed()).open(path) {
        Ok(file) => file,
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(Error::NotAFile { path: path.to_owned() });
        }
        Err(source) => return Err(Error::Io { action: "open", path: path.to_owned(), source }),
    };
    if file.metadata().context("look at", path)?.is_file() {
        Ok(file)
    } else {
        Err(Error::NotAFile { path: path.to_owned() })
    }
}

fn copy(from: &mut impl Read, to: &mut impl io::Write, path: &Path) -> Result<(Digest, u64), Error> {
    let mut digest = DigestWriter::new();
    let mut bytes = 0;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = match from.read(&mut buffer) {
            Ok(0) => return Ok((digest.finish(), bytes)),
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(Error::Io { action: "read", path: path.to_owned(), source }),
        };
        bytes += n as u64;
        if bytes > MAX_LIBRARY_BYTES {
            return Err(Error::LibraryTooLarge { path: path.to_owned(), max_bytes: MAX_LIBRARY_BYTES });
        }
        digest.write_all(&buffer[..n]).context("hash", path)?;
        to.write_all(&buffer[..n]).context("copy", path)?;
    }
}
