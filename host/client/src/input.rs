//! Files that an argument names. `-` is standard input.

use std::path::Path;

use host_file::ReadError;

/// Reads a text of at most `max_bytes` bytes from a regular file or standard input.
///
/// # Errors
/// It cannot be read, is too large or is not UTF-8.
pub(crate) fn read(path: &Path, max_bytes: u64) -> Result<String, ReadError> {
    if is_stdin(path) {
        host_file::read_stream(std::io::stdin().lock(), max_bytes)
    } else {
        host_file::read_text(path, max_bytes)
    }
}

/// Returns whether an argument selects standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Returns the name of the file for messages.
pub(crate) fn shown(path: &Path) -> String {
    if is_stdin(path) { "standard input".to_owned() } else { path.display().to_string() }
}
