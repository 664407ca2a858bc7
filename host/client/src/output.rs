//! Output of the commands: data to standard output, messages to standard error. A closed pipe is not an error. Control
//! characters are removed, because the text may come from a host or a plugin author.

pub mod table;
pub mod text;

use std::io::{self, Write as _};

use parking_lot::Mutex;

pub use table::Table;

/// The first failure to write data.
static FAILED: Mutex<Option<io::Error>> = Mutex::new(None);

/// Prints a line of data.
pub fn line(text: &str) {
    let _ = try_line(text);
}

/// Prints a line of data, for commands that end when the reader closes the pipe.
///
/// # Errors
/// The line cannot be written. [`finish`] reports the error, too.
pub fn try_line(text: &str) -> io::Result<()> {
    write(&text::printable_lines(text))
}

/// Prints data unchanged, except for control characters, which are escaped as in JSON.
pub fn raw(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = write(&text::escaped(&text));
}

/// Writes a text and a line end, if it has none.
fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written = write!(stdout, "{text}{end}").and_then(|()| stdout.flush());
    written.inspect_err(note)
}

fn note(error: &io::Error) {
    // A reader that has seen enough, such as `head`, is not a failure.
    if error.kind() != io::ErrorKind::BrokenPipe {
        FAILED.lock().get_or_insert_with(|| io::Error::new(error.kind(), error.to_string()));
    }
}

/// Writes what is buffered.
///
/// # Errors
/// The first error of any output; a closed pipe is not an error.
pub fn finish() -> io::Result<()> {
    let _ = io::stdout().lock().flush().inspect_err(note);
    FAILED.lock().take().map_or(Ok(()), Err)
}

/// Prints a message to standard error.
pub fn error_line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text::printable_lines(text));
}
