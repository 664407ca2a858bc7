//! Arguments of `config running`, `config set` and `config unset`.

use clap::{Args, Subcommand};

use super::HostArgs;

/// Commands that show or change the settings of a running host.
#[derive(Debug, Subcommand)]
pub enum SettingCommand {
    /// Show the settings that are in force in a running host
    ///
    /// With --origin, each value has its origin: a flag, an environment variable, a file, `config set` or the default.
    /// If a value will be different after the next start of the host, both values are shown.
    #[command(after_help = super::EXIT_CODES)]
    Running(RunningConfig),
    /// Change a setting of a running host
    ///
    /// The change survives restarts of the host. It takes precedence over host.toml; flags and environment variables
    /// take precedence over the change.
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
    #[arg(allow_hyphen_values = true)]
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
