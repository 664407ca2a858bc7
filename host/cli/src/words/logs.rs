//! `logs`.

use clap::Args;
use host_core::PluginId;

use super::Client;

/// `logs`.
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// The plugin
    pub(crate) id: PluginId,
    /// Go on with each new line, over restarts of the host, until interrupted or the plugin is unloaded; with `--json` a
    /// line for each
    #[arg(long)]
    pub(crate) follow: bool,
    /// Only lines that are at least as bad
    #[arg(long, value_name = "LEVEL", value_parser = ["error", "warn", "info", "debug", "trace"])]
    pub(crate) level: Option<String>,
    #[command(flatten)]
    pub(crate) client: Client,
}
