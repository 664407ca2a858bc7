//! The terminal: log lines, progress bars and messages are written without interrupting each other.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::output;
use crate::output::paint::cargo_line;
use crate::output::text::printable;

/// The terminal. Cheap to clone.
#[derive(Clone)]
pub struct Screen {
    bars: MultiProgress,
    /// Whether standard error is a terminal, where progress is drawn.
    is_terminal: bool,
}

/// A progress line, shown until it is dropped.
pub struct Spinner {
    screen: Screen,
    /// `None` if standard error is not a terminal.
    bar: Option<ProgressBar>,
    /// Whether every line is printed.
    verbose: bool,
    step: String,
    line: String,
}

impl Screen {
    /// Creates a screen that draws progress if standard error is a terminal.
    pub fn new() -> Screen {
        Screen { bars: MultiProgress::new(), is_terminal: io::stderr().is_terminal() }
    }

    /// Returns whether standard error is a terminal, where progress is drawn.
    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// Prints a line of data to standard output.
    pub fn line(&self, text: &str) {
        self.bars.suspend(|| output::line(text));
    }

    /// Prints a message to standard error.
    pub fn note(&self, text: &str) {
        self.bars.suspend(|| output::error_line(text));
    }

    /// Writes bytes to standard error, such as a complete log line.
    pub fn write_error(&self, bytes: &[u8]) {
        self.bars.suspend(|| {
            let _ = io::stderr().lock().write_all(bytes);
        });
    }

    /// Starts a progress line. With `verbose`, every line of output is printed too.
    pub fn spinner(&self, what: &str, verbose: bool) -> Spinner {
        let bar = self.is_terminal.then(|| {
            let bar = self.bars.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} ({elapsed}) {wide_msg}") {
                bar.set_style(style);
            }
            bar.set_prefix(printable(what));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Spinner { screen: self.clone(), bar, verbose, step: String::new(), line: String::new() }
    }
}

impl Default for Screen {
    fn default() -> Screen {
        Screen::new()
    }
}

// === impl Spinner ===

impl Spinner {
    /// Returns whether the progress line is drawn.
    pub fn is_drawn(&self) -> bool {
        self.bar.is_some()
    }

    /// Shows the current step.
    pub fn step(&mut self, step: &str) {
        if self.step != step {
            self.step = step.to_owned();
            self.draw();
        }
    }

    /// Shows a line of output.
    pub fn line(&mut self, line: &str) {
        let line = printable(line);
        if self.verbose {
            self.screen.bars.suspend(|| output::painted_error_line(&format!("  {}", cargo_line(&line))));
        }
        if !line.trim().is_empty() {
            self.line = line;
            self.draw();
        }
    }

    fn draw(&self) {
        if let Some(bar) = &self.bar {
            let colon = if self.step.is_empty() || self.line.is_empty() { "" } else { ": " };
            bar.set_message(format!("{}{colon}{}", self.step, self.line.trim()));
        }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            self.screen.bars.remove(bar);
        }
    }
}
