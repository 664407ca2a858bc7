//! The message that is printed instead of running a command: an error in the arguments, the help or the version.

use clap::Error;
use host_client::output;
use host_core::is_unseen;

/// The message that is printed instead of running a command.
pub(crate) struct Refusal {
    text: String,
    stream: Stream,
    /// The exit code.
    pub(crate) code: u8,
}

/// The stream of a message, and how its characters are printed.
#[derive(Clone, Copy)]
enum Stream {
    /// Help and version, in colours.
    Output,
    /// An error, in colours.
    Error,
    /// An error that repeats characters of arguments that a terminal acts on, or that a reader cannot see.
    UnsafeError,
}

impl Refusal {
    /// Creates the message of an error, or of a request for help. `plain` returns the same error without colours.
    pub(super) fn new(error: &Error, plain: impl Fn() -> Option<Error>) -> Refusal {
        let text = error.render().ansi().to_string();
        let code = u8::try_from(error.exit_code()).unwrap_or(1);
        if !error.use_stderr() {
            return Refusal { text, stream: Stream::Output, code };
        }
        // An error repeats arguments. In colours, the escape sequences of arguments cannot be told from the colours.
        let plain = plain().map(|error| error.render().ansi().to_string()).unwrap_or_default();
        if plain.contains(|c| c != '\n' && is_unseen(c)) {
            Refusal { text: plain, stream: Stream::UnsafeError, code }
        } else {
            Refusal { text, stream: Stream::Error, code }
        }
    }

    /// Prints help and version to standard output, errors to standard error.
    pub(crate) fn print(&self) {
        let text = self.text.trim_end_matches('\n');
        match self.stream {
            Stream::Output => output::painted(text),
            Stream::Error => output::painted_error_line(text),
            // As all other messages: with escapes, and with its labels in colours.
            Stream::UnsafeError => output::error_line(text),
        }
    }
}
