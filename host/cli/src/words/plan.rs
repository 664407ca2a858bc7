//! The words of `plan`, `apply` and `export`.

use std::path::PathBuf;

use clap::Args;

use super::Client;

/// What `plan` returns.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the host refused, or failed
  2  the words, the file or the configuration are wrong
  3  no host can be reached
  10 with --exit-code: there is something to change";

/// `plan`.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// The plugins.yaml; `-` reads standard input. Relative folders in it are relative to it
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Exit with 10 when there is something to change
    #[arg(long)]
    pub(crate) exit_code: bool,
    #[command(flatten)]
    pub(crate) client: Client,
}

/// `apply`.
#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The plugins.yaml; `-` reads standard input. Relative folders in it are relative to it
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// When something can't be done, do the rest nevertheless, and undo nothing
    #[arg(long)]
    pub(crate) best_effort: bool,
    /// Show all that cargo says
    #[arg(long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) client: Client,
}

/// `export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Write it to this file instead of printing it
    #[arg(short = 'o', long, value_name = "FILE", conflicts_with = "json")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) client: Client,
}
