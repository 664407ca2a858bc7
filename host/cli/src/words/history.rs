//! The words of `rollback`, `revisions`, `diff` and `restore`.

use clap::Args;
use clap::builder::RangedU64ValueParser;
use host_core::PluginId;

use super::{Change, Client, OfPlugin};

/// `rollback`.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) change: Change,
    /// Which of the versions that `show` lists as kept: its number, or the beginning of its commit or digest [default: the
    /// one before]
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: Option<String>,
}

/// `revisions`.
#[derive(Debug, Args)]
pub(crate) struct Revisions {
    /// Only those of this plugin, which need not be installed any more
    pub(crate) id: Option<PluginId>,
    /// How many at most, the newest first
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = RangedU64ValueParser::<usize>::new().range(1..=200))]
    pub(crate) limit: usize,
    /// Only those before this one
    #[arg(long, value_name = "N")]
    pub(crate) before: Option<u64>,
    #[command(flatten)]
    pub(crate) client: Client,
}

/// `diff`.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    #[command(flatten)]
    pub(crate) plugin: OfPlugin,
    /// A revision of the plugin, as `revisions` lists them
    #[arg(value_name = "N")]
    pub(crate) number: u64,
    /// Another one [default: the plugin's revision before N]
    #[arg(value_name = "M")]
    pub(crate) with: Option<u64>,
}

/// `restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) change: Change,
    /// A revision of the plugin, as `revisions` lists them
    #[arg(value_name = "N")]
    pub(crate) number: u64,
}
