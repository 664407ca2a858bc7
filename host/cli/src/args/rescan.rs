//! Arguments of `rescan`.

use std::path::PathBuf;

use clap::Args;

/// `rescan`.
#[derive(Debug, Args)]
pub(crate) struct Rescan {
    /// Plugin folder; no running host may use it [host.toml: plugin_dir] [env: PLUGIN_HOST_PLUGIN_DIR, PLUGIN_DIR]
    /// [default: ./cache]
    #[arg(long, value_name = "PATH")]
    pub(crate) plugin_dir: Option<String>,
    /// Configuration file [default: ./host.toml if it exists]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    pub(crate) json: bool,
}
