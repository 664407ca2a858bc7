//! Output of the commands: data to standard output, messages to standard error. A closed pipe is not an error. Control
//! characters are removed, because the text may come from a host or a plugin author.

pub mod table;
pub mod text;

use std::io::Write as _;

pub use table::Table;

/// Prints a line of data.
pub fn line(text: &str) {
    let _ = try_line(text);
}

/// Prints a line of data, for commands that end when the reader closes the pipe.
///
/// # Errors
/// The pipe is closed.
pub fn try_line(text: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{}", text::printable_lines(text))
}

/// Prints data unchanged, except for control characters, which are escaped as in JSON.
pub fn raw(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let text = text::escaped(&text);
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = stdout.write_all(b"\n");
    }
    let _ = stdout.flush();
}

/// Prints a message to standard error.
pub fn error_line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text::printable_lines(text));
}
