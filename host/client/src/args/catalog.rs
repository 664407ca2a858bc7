//! Arguments of `available`, `validate` and `cache`.

use clap::{Args, Subcommand};
use host_core::TreePath;
use host_core::tag::TagPattern;

use super::{HostArgs, Loadable};

/// `available`.
#[derive(Debug, Args)]
pub struct Available {
    /// Read the indexes again before listing
    #[arg(long)]
    pub(crate) refresh: bool,
    /// Only plugins with this tag
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Option<String>,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// `validate`.
#[derive(Debug, Args)]
pub struct Validate {
    /// Source, as for `load`; a folder or file is a path on the host's machine
    #[arg(value_parser = super::load::loadable)]
    pub(crate) source: Loadable,
    /// Version, tag, branch or commit of a git URL
    #[arg(long, value_name = "REV")]
    pub(crate) version: Option<String>,
    /// Folder of the plugin in a repository, folder or archive [default: its root]
    #[arg(long, value_name = "FOLDER", value_parser = TreePath::of_folder)]
    pub(crate) path: Option<TreePath>,
    /// Form of the tags that are releases of the plugin, such as `hello-v{version}`; needed only if the host cannot
    /// tell which tags of the repository belong to the plugin
    #[arg(long, value_name = "PATTERN")]
    pub(crate) tag_pattern: Option<TagPattern>,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// Commands about the build cache.
#[derive(Debug, Subcommand)]
pub enum CacheCommand {
    /// Show disk usage and the hit rate of the build cache
    #[command(after_help = super::EXIT_CODES)]
    Info(HostArgs),
    /// Empty the build cache and delete unreferenced artifacts and source trees
    ///
    /// Versions that run or are stored for a rollback are kept.
    #[command(after_help = super::EXIT_CODES)]
    Clear(HostArgs),
}

impl CacheCommand {
    /// Returns the options that select the host.
    pub(crate) fn client(&self) -> &HostArgs {
        let (CacheCommand::Info(client) | CacheCommand::Clear(client)) = self;
        client
    }
}
