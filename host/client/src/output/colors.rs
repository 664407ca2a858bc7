//! The choice of colours in the output, for the whole process.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU8, Ordering};

use anstream::{AutoStream, ColorChoice};

/// The output that has colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colors {
    /// Output to a terminal.
    #[default]
    Terminal,
    /// All output, also to pipes and files.
    Always,
    /// No output.
    Never,
}

/// The selected colours.
static SELECTED: AtomicU8 = AtomicU8::new(Colors::Terminal as u8);

impl Colors {
    /// Selects these colours for the rest of the process.
    pub fn select(self) {
        SELECTED.store(self as u8, Ordering::Relaxed);
    }
}

/// Returns whether text that is written to this stream has colours.
pub(super) fn has_colors(stream: &impl IsTerminal) -> bool {
    match SELECTED.load(Ordering::Relaxed) {
        selected if selected == Colors::Always as u8 => true,
        selected if selected == Colors::Never as u8 => false,
        _ => stream.is_terminal(),
    }
}

/// Locks standard output. Colours are removed unless they are selected.
pub(super) fn stdout() -> AutoStream<io::StdoutLock<'static>> {
    let stream = io::stdout().lock();
    let choice = choice(&stream);
    AutoStream::new(stream, choice)
}

/// Locks standard error. Colours are removed unless they are selected.
pub(super) fn stderr() -> AutoStream<io::StderrLock<'static>> {
    let stream = io::stderr().lock();
    let choice = choice(&stream);
    AutoStream::new(stream, choice)
}

fn choice(stream: &impl IsTerminal) -> ColorChoice {
    if has_colors(stream) { ColorChoice::AlwaysAnsi } else { ColorChoice::Never }
}
