//! Opening files of a source.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::Error;

/// Opens a regular file without following a link at the end of its path and without waiting for a pipe.
pub(crate) fn open_file(path: &Path) -> Result<File, Error> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt as _;

    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let not_a_file = || Error::NotAFile { path: path.to_owned() };
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => return Err(not_a_file()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(Error::NothingThere { path: path.to_owned() });
        }
        Err(source) => return Err(Error::Io { action: "open", path: path.to_owned(), source }),
    };
    let metadata = file.metadata().map_err(|source| Error::Io { action: "look at", path: path.to_owned(), source })?;
    if metadata.is_file() { Ok(file) } else { Err(not_a_file()) }
}
