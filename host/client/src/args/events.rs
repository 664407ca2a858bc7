//! Arguments of `events`.

use clap::Args;
use host_core::{PluginId, whole_number};

use super::HostArgs;

/// `events`.
#[derive(Debug, Args)]
pub struct Events {
    /// Also print new events until interrupted, even across a restart of the host; with --json one line per event
    #[arg(long)]
    pub(crate) follow: bool,
    /// Only events of this plugin
    #[arg(long, value_name = "ID")]
    pub(crate) plugin: Option<PluginId>,
    /// Only events of these kinds: names or name prefixes, such as `job.ended,health`
    #[arg(long, value_name = "LIST")]
    pub(crate) kind: Option<String>,
    /// Start after the event with this number; 0 starts with the oldest stored event [default: show the newest events]
    #[arg(long, value_name = "N", value_parser = |text: &str| whole_number::<u64>(text, ..))]
    pub(crate) after: Option<u64>,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}
