//! The host's log on standard error.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use host_client::Failure;
use host_client::Screen;
use host_client::output;

/// A handle that replaces the log filter. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Filter(Arc<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>);

impl Filter {
    /// Replaces the log filter.
    ///
    /// # Errors
    /// The filter is invalid. Settings are checked, so this does not happen with a filter from the settings.
    pub(crate) fn set(&self, filter: &str) -> Result<(), String> {
        (self.0)(parsed(filter)?)
    }
}

/// Starts the log with this filter and format.
///
/// # Errors
/// The log was started before, or the filter is invalid.
pub(crate) fn start(filter: &str, as_json: bool, screen: &Screen) -> Result<Filter, Failure> {
    let failed = |reason: String| Failure::failed("failed to start the log").because(reason);
    let filter = parsed(filter).map_err(failed)?;
    let escapes = match (as_json, output::errors_have_colors()) {
        (true, _) => Escapes::Json,
        (false, true) => Escapes::Terminal,
        (false, false) => Escapes::Text,
    };
    let writer = ScreenWriter(screen.clone(), escapes);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let (started, filter) = if as_json {
        let lines = lines.json().flatten_event(true).with_filter_reloading();
        let handle = lines.reload_handle();
        let set = move |filter| handle.reload(filter).map_err(|error| error.to_string());
        (lines.try_init(), Filter(Arc::new(set)))
    } else {
        let lines = lines.compact().with_ansi(output::errors_have_colors()).with_target(false).with_filter_reloading();
        let handle = lines.reload_handle();
        let set = move |filter| handle.reload(filter).map_err(|error| error.to_string());
        (lines.try_init(), Filter(Arc::new(set)))
    };
    started.map_err(|error| failed(error.to_string()))?;
    Ok(filter)
}

/// Parses a filter. Warnings of the HTTP/2 library are left out unless the filter names it: each is a fault of a
/// client, which could fill the log.
fn parsed(filter: &str) -> Result<EnvFilter, String> {
    let text = if filter.contains("h2=") { filter.to_owned() } else { format!("h2=error,{filter}") };
    EnvFilter::builder().parse(text).map_err(|error| error.to_string())
}

/// Writes log lines to a screen.
struct ScreenWriter(Screen, Escapes);

/// How a line shows characters that a reader cannot see. Lines contain texts of callers, sources and plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escapes {
    /// As `\u{202e}`.
    Text,
    /// As `\u{202e}`, without the colours of the line itself. The formatter escapes those in the texts of others.
    Terminal,
    /// As `\u202e`, the form of JSON.
    Json,
}

/// Collects one log line and prints it when it is complete.
struct LogLine {
    screen: Screen,
    escapes: Escapes,
    bytes: Vec<u8>,
}

impl<'a> MakeWriter<'a> for ScreenWriter {
    type Writer = LogLine;

    fn make_writer(&'a self) -> LogLine {
        LogLine { screen: self.0.clone(), escapes: self.1, bytes: vec![] }
    }
}

impl io::Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.bytes);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        self.screen.write_error(format!("{}\n", self.escapes.apply(line)).as_bytes());
    }
}

impl Escapes {
    /// Returns one line in which a reader sees every character.
    fn apply(self, line: &str) -> Cow<'_, str> {
        let is_escaped = |c: char| host_core::is_unseen(c) && !(self == Escapes::Terminal && c == '\u{1b}');
        if !line.contains(is_escaped) {
            return Cow::Borrowed(line);
        }
        let mut escaped = String::with_capacity(line.len() + 8);
        for c in line.chars() {
            match c {
                c if !is_escaped(c) => escaped.push(c),
                c if self == Escapes::Json => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        // Writing to a string does not fail.
                        let _ = write!(escaped, "\\u{unit:04x}");
                    }
                }
                '\n' | '\r' => escaped.extend(c.escape_default()),
                c => escaped.extend(c.escape_unicode()),
            }
        }
        Cow::Owned(escaped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_every_character() {
        let line = "a\u{1b}[31m\u{202e}\u{200b}b\nc \u{e0041} é";
        assert_eq!(Escapes::Text.apply(line), "a\\u{1b}[31m\\u{202e}\\u{200b}b\\nc \\u{e0041} é");
        assert_eq!(Escapes::Terminal.apply(line), "a\u{1b}[31m\\u{202e}\\u{200b}b\\nc \\u{e0041} é");
        let json = format!("{{\"a\":\"{}\"}}", "\u{202e}\u{85}\u{e0041} é");
        let escaped = Escapes::Json.apply(&json);
        assert_eq!(escaped, "{\"a\":\"\\u202e\\u0085\\udb40\\udc41 é\"}");
        let read: serde_json::Value = serde_json::from_str(&escaped).unwrap();
        assert_eq!(read["a"], "\u{202e}\u{85}\u{e0041} é");
        assert!(matches!(Escapes::Text.apply("plain\tline"), Cow::Borrowed(_)));
    }
}
