//! Arguments of `rollback`, `revisions`, `diff` and `restore`.

use clap::Args;
use host_core::{PluginId, whole_number};

use super::{ChangeArgs, HostArgs, PluginArgs};

/// `rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// Rollback version, as listed by `show`: its number, or the first digits of its commit or digest
    /// [default: the previous version]
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: Option<String>,
}

/// `revisions`.
#[derive(Debug, Args)]
pub struct Revisions {
    /// Only revisions of this plugin; it need not be installed
    pub(crate) id: Option<PluginId>,
    /// Maximum number of revisions, newest first
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = |text: &str| whole_number::<usize>(text, 1..=200))]
    pub(crate) limit: usize,
    /// Only revisions before this number
    #[arg(long, value_name = "N", value_parser = |text: &str| whole_number::<u64>(text, ..))]
    pub(crate) before: Option<u64>,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// `diff`.
#[derive(Debug, Args)]
pub struct Diff {
    #[command(flatten)]
    pub(crate) plugin: PluginArgs,
    /// Revision of the plugin, as listed by `revisions`
    #[arg(value_name = "N", value_parser = |text: &str| whole_number::<u64>(text, ..))]
    pub(crate) number: u64,
    /// Revision to compare with [default: the plugin's revision before N]
    #[arg(value_name = "M", value_parser = |text: &str| whole_number::<u64>(text, ..))]
    pub(crate) with: Option<u64>,
}

/// `restore`.
#[derive(Debug, Args)]
pub struct Restore {
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
    /// Revision of the plugin, as listed by `revisions`
    #[arg(value_name = "N", value_parser = |text: &str| whole_number::<u64>(text, ..))]
    pub(crate) number: u64,
}
