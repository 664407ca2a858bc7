//! The output format that the arguments of a command select, for the whole process.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicU8, Ordering};

use clap::{Args, ValueEnum};

/// The width of tables if standard output is not a terminal, and the width of narrower terminals.
const WIDTH: usize = 80;

/// The output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables that fit 80 columns or the terminal
    Table,
    /// Tables with all columns
    Wide,
    /// The host's response as JSON
    Json,
    /// The host's response as YAML
    Yaml,
}

/// The options that select the output format.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct FormatArgs {
    #[arg(
        id = "output_format",
        short = 'o',
        long = "output",
        value_name = "FORMAT",
        value_enum,
        hide_possible_values = true,
        help = "Output format: table, wide (all columns), json or yaml [default: table]"
    )]
    format: Option<Format>,
    /// Print JSON instead of a table; same as `-o json`
    #[arg(long, conflicts_with = "output_format")]
    json: bool,
}

impl FormatArgs {
    /// Returns whether data is printed for programs, as JSON or YAML.
    pub fn is_data(self) -> bool {
        self.json || matches!(self.format, Some(Format::Json | Format::Yaml))
    }

    /// Selects this format for the rest of the process.
    pub fn select(self) {
        let format = if self.json { Format::Json } else { self.format.unwrap_or(Format::Table) };
        SELECTED.store(format as u8, Ordering::Relaxed);
    }
}

/// The selected format.
static SELECTED: AtomicU8 = AtomicU8::new(Format::Table as u8);

fn is_selected(format: Format) -> bool {
    SELECTED.load(Ordering::Relaxed) == format as u8
}

/// Returns whether `-o wide` is selected.
pub fn is_wide() -> bool {
    is_selected(Format::Wide)
}

/// Returns whether `-o yaml` is selected.
pub(super) fn is_yaml() -> bool {
    is_selected(Format::Yaml)
}

/// Returns the width that tables fit; `None` for tables with all columns.
pub fn width() -> Option<usize> {
    let stdout = std::io::stdout();
    let columns = if stdout.is_terminal() { rustix::termios::tcgetwinsize(&stdout).ok() } else { None };
    (!is_wide()).then(|| columns.map_or(WIDTH, |size| usize::from(size.ws_col).max(WIDTH)))
}
