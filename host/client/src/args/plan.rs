//! Arguments of `plan`, `apply` and `export`.

use std::path::PathBuf;

use clap::Args;

use super::HostArgs;

/// The exit codes of `plan`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  the host refused the request, or the request failed
  2  invalid arguments, file or configuration
  3  the host cannot be reached
  10 with --exit-code: there are changes to apply";

/// `plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// The plugins.yaml, or a bundle written by `export --bundle`; `-` reads a plugins.yaml from standard input;
    /// relative paths in the file are relative to its folder
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Exit with code 10 if there are changes to apply
    #[arg(long)]
    pub(crate) exit_code: bool,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// `apply`.
#[derive(Debug, Args)]
pub struct Apply {
    /// The plugins.yaml, or a bundle written by `export --bundle`; `-` reads a plugins.yaml from standard input;
    /// relative paths in the file are relative to its folder
    #[arg(short = 'f', long, value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// If a change fails, continue with the others and undo nothing
    #[arg(long)]
    pub(crate) best_effort: bool,
    /// Show the complete cargo output
    #[arg(long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// Write to this file instead of standard output
    #[arg(short = 'f', long, value_name = "FILE", conflicts_with_all = ["json", "output_format"])]
    pub(crate) file: Option<PathBuf>,
    /// Write a ZIP archive with the plugins.yaml and the sources that another host cannot fetch: uploads, folders,
    /// local archives and libraries
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "json", "output_format"])]
    pub(crate) bundle: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}
