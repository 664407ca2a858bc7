//! What is printed: data to stdout, all else to stderr. A reader that went away is not an error. Nothing that is printed steers
//! the terminal: a host, and the authors of its plugins, may have written it.

pub(crate) mod table;
pub(crate) mod text;

use std::io::Write as _;

pub(crate) use table::Table;

/// Prints a line of data.
pub(crate) fn line(text: &str) {
    let _ = try_line(text);
}

/// Prints a line of data, for those who go on until nobody reads.
///
/// # Errors
/// The reader went away.
pub(crate) fn try_line(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{}", text::printable_lines(text))
}

/// Prints data as it is, but for control characters, which are written as JSON writes them.
pub(crate) fn raw(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let text = text::escaped(&text);
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = stdout.write_all(b"\n");
    }
    let _ = stdout.flush();
}

/// Prints a line for people.
pub(crate) fn error_line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text::printable_lines(text));
}
