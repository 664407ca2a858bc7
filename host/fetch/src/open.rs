//! Opening files of a source.

use std::fs::File;
use std::path::Path;

use crate::Error;

/// Opens a regular file without following a link at the end of its path and without waiting for a pipe.
pub(crate) fn open_file(path: &Path) -> Result<File, Error> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt as _;

    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        // The same error stands for a link at the end and for links that lead in a circle before it.
        Err(error)
            if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
                && std::fs::symlink_metadata(path).is_ok() =>
        {
            return Err(Error::not_a_file(path));
        }
        Err(source) => return Err(Error::of_path("open", path, source)),
    };
    let metadata = file.metadata().map_err(|source| Error::of_path("look at", path, source))?;
    if metadata.is_file() { Ok(file) } else { Err(Error::not_a_file(path)) }
}
