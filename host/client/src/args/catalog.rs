//! Arguments of `available`, `validate`, `cache` and `config set`.

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
    #[arg(value_parser = super::loadable)]
    pub(crate) source: Loadable,
    /// Version, tag, branch or commit of a git URL
    #[arg(long, value_name = "REV")]
    pub(crate) version: Option<String>,
    /// Folder of the plugin in a repository, folder or archive [default: its root]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) path: Option<TreePath>,
    /// Pattern of the release tags of a git URL, such as `hello-v{version}` [default: the tags with one prefix]
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
    /// Empty the build cache and delete unreferenced artifacts and source trees; versions that run or are kept for a
    /// rollback stay
    #[command(after_help = super::EXIT_CODES)]
    Clear(HostArgs),
}

/// Commands that change the settings of a running host.
#[derive(Debug, Subcommand)]
pub enum SettingCommand {
    /// Show the settings that are in force in a running host
    ///
    /// The origin tells the flag, variable, file or change that a value comes from. A value that differs at the next
    /// start is shown beside the value in force.
    #[command(after_help = super::EXIT_CODES)]
    Running(RunningConfig),
    /// Change a setting of a running host
    ///
    /// The change survives restarts and takes precedence over host.toml, not over flags and environment.
    #[command(after_help = super::EXIT_CODES)]
    Set(SetConfig),
    /// Undo a change made with `config set`, so that host.toml or the default applies again
    #[command(after_help = super::EXIT_CODES)]
    Unset(UnsetConfig),
}

/// `config running`.
#[derive(Debug, Args)]
pub struct RunningConfig {
    /// Also show the origin of each value
    #[arg(long)]
    pub(crate) origin: bool,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// `config set`.
#[derive(Debug, Args)]
pub struct SetConfig {
    /// Key, as in host.toml
    pub(crate) key: String,
    /// Value, as JSON or as a text
    pub(crate) value: String,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

/// `config unset`.
#[derive(Debug, Args)]
pub struct UnsetConfig {
    /// Key, as in host.toml
    pub(crate) key: String,
    #[command(flatten)]
    pub(crate) client: HostArgs,
}

impl CacheCommand {
    /// Returns the options that select the host.
    pub(crate) fn client(&self) -> &HostArgs {
        let (CacheCommand::Info(client) | CacheCommand::Clear(client)) = self;
        client
    }
}

impl SettingCommand {
    /// Returns the options that select the host.
    pub fn host(&self) -> &HostArgs {
        match self {
            SettingCommand::Running(args) => &args.client,
            SettingCommand::Set(args) => &args.client,
            SettingCommand::Unset(args) => &args.client,
        }
    }
}

impl SetConfig {
    /// Returns the value to set. Text that is not valid JSON is used as a string.
    pub(crate) fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.value).unwrap_or_else(|_| self.value.as_str().into())
    }
}
