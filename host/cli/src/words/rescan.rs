//! The words of `rescan`.

use std::path::PathBuf;

use clap::Args;

/// `rescan`.
#[derive(Debug, Args)]
pub(crate) struct Rescan {
    /// The plugin folder, which no running host may use [host.toml: plugin_dir] [env: PLUGIN_DIR] [default: ./cache]
    #[arg(long, value_name = "PATH")]
    pub(crate) plugin_dir: Option<String>,
    /// Read settings from this file [default: ./host.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print what was found and done as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
