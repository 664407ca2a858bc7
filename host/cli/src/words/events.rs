//! `events`.

use clap::Args;
use host_core::PluginId;

use super::Client;

/// `events`.
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Go on with what happens from now on, over restarts of the host, until interrupted; with `--json` a line for each
    #[arg(long)]
    pub(crate) follow: bool,
    /// Only what happened to this plugin
    #[arg(long, value_name = "ID")]
    pub(crate) plugin: Option<PluginId>,
    /// Only events of these kinds: names and beginnings of names, such as `job.ended,health`
    #[arg(long, value_name = "LIST")]
    pub(crate) kind: Option<String>,
    /// Begin after the event of this number, 0 for the oldest that is kept [default: show the newest]
    #[arg(long, value_name = "N")]
    pub(crate) after: Option<u64>,
    #[command(flatten)]
    pub(crate) client: Client,
}
