//! Output of the commands: data to standard output, messages to standard error. A closed pipe is not an error. Control
//! characters are escaped, because the text may come from a host or a plugin author.

mod closed;
mod colors;
mod format;
pub mod paint;
pub mod table;
pub mod text;
mod yaml;

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

pub(crate) use closed::reader_is_gone;
pub use colors::Colors;
pub use format::{Format, FormatArgs, is_wide, width};
pub use table::Table;

/// The first error of a write of data.
static FAILED: Mutex<Option<io::Error>> = Mutex::new(None);

/// True after a write of data has failed.
static IS_BROKEN: AtomicBool = AtomicBool::new(false);

/// Returns whether an earlier write of data has failed. A command then stops, because nobody reads its further output.
/// [`finish`] reports the error.
pub(crate) fn is_broken() -> bool {
    IS_BROKEN.load(Ordering::Relaxed)
}

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

/// Prints a table in colours, so that it fits the terminal.
pub fn table(table: &Table) {
    let _ = write(&table.painted(width()));
}

/// Prints text in colours. All its parts of other origin were passed through [`text::printable`] or a [`Table`].
pub fn painted(text: &str) {
    let _ = write(text);
}

/// Prints text unchanged, except for control characters, which are escaped as in JSON.
pub fn raw(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = write(&text::escaped(&text));
}

/// Prints a YAML file in which characters that a reader cannot see occur only in double quotes and comments. They are
/// escaped as in YAML.
pub(crate) fn yaml_file(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let _ = write(&text::escaped_yaml(&text));
}

/// Prints a JSON document in the selected format.
pub fn data(json: &[u8]) {
    let _ = try_data(json);
}

/// Prints one JSON document of several in the selected format, for commands that end when the reader closes the pipe.
///
/// # Errors
/// The document cannot be written. [`finish`] reports the error, too.
pub fn try_data(json: &[u8]) -> io::Result<()> {
    let text = String::from_utf8_lossy(json);
    match format::is_yaml().then(|| yaml::from_json(&text)).flatten() {
        Some(yaml) => write(&text::escaped_yaml(&yaml)),
        None => write(&text::escaped(&text)),
    }
}

/// Writes a text and a line end, if it has none.
fn write(text: &str) -> io::Result<()> {
    let mut stdout = colors::stdout();
    let end = if text.ends_with('\n') { "" } else { "\n" };
    let written = write!(stdout, "{text}{end}").and_then(|()| stdout.flush());
    written.inspect_err(note)
}

fn note(error: &io::Error) {
    IS_BROKEN.store(true, Ordering::Relaxed);
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

/// Prints a message to standard error. The labels at the starts of its lines, such as `error:`, are coloured.
pub fn error_line(text: &str) {
    let text: Cow<'_, str> = text::printable_lines(text);
    let _ = writeln!(colors::stderr(), "{}", paint::labels(&text));
}

/// Prints text in colours to standard error. All its parts of other origin were passed through [`text::printable`].
pub fn painted_error_line(text: &str) {
    let _ = writeln!(colors::stderr(), "{text}");
}

/// Returns whether standard error shows colours.
pub fn errors_have_colors() -> bool {
    colors::has_colors(&io::stderr())
}

/// Returns whether a person reads standard error.
pub fn is_interactive() -> bool {
    io::stderr().is_terminal()
}
