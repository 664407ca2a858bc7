//! What is printed: data to stdout, all else to stderr. A reader that went away is not an error.

pub(crate) mod table;
pub(crate) mod text;

use std::io::Write as _;

pub(crate) use table::Table;

/// Prints a line of data.
pub(crate) fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints a line of data, for those who go on until nobody reads.
///
/// # Errors
/// The reader went away.
pub(crate) fn try_line(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}")
}

/// Prints data as it is.
pub(crate) fn raw(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(bytes);
    if !bytes.ends_with(b"\n") {
        let _ = stdout.write_all(b"\n");
    }
    let _ = stdout.flush();
}

/// Prints a line for people.
pub(crate) fn error_line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
