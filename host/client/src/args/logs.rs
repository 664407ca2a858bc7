//! Arguments of `logs`.

use clap::Args;
use host_core::PluginId;

use super::HostArgs;

/// `logs`.
#[derive(Debug, Args)]
pub struct Logs {
    /// The plugin's id
    pub(crate) id: PluginId,
    /// Also print new lines until interrupted or until the plugin is unloaded, even across a restart of the host; with
    /// --json one JSON object per line
    #[arg(long)]
    pub(crate) follow: bool,
    /// Only lines of at least this severity
    #[arg(long, value_name = "LEVEL", value_parser = ["error", "warn", "info", "debug", "trace"])]
    pub(crate) level: Option<String>,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}
