//! Arguments of `config running`, `config set` and `config unset`.

use clap::{Args, Subcommand};

use super::HostArgs;

/// Commands that show or change the settings of a running host.
#[derive(Debug, Subcommand)]
pub enum SettingCommand {
    /// Show the settings that are in force in a running host
    ///
    /// The origin of a value is a flag, a variable, a file, a change or the default. A value that differs at the next
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
