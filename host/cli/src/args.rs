//! The command line: commands, arguments and their help texts.

mod rescan;
mod shell;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use host_author::args::AuthorCommand;
use host_client::args::{ClientCommand, EXIT_CODES, SettingCommand, parse_source};
use host_core::Source;

use crate::config::Flags;

pub(crate) use rescan::Rescan;
pub(crate) use shell::{Completions, Man, completions, man};

/// A host for native Rust plugins: fetches, checks, builds, loads and reloads them while it runs
#[derive(Debug, Parser)]
#[command(name = "plugin-host", version, after_help = EXIT_CODES, max_term_width = 110)]
pub(crate) struct Cli {
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// All commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a host until SIGTERM or SIGINT
    #[command(after_help = EXIT_CODES)]
    Serve(Box<Serve>),
    /// Commands of a client.
    #[command(flatten)]
    Client(ClientCommand),
    /// Rebuild a lost or damaged state database from the plugin records; the host must be stopped
    #[command(after_help = EXIT_CODES)]
    Rescan(Rescan),
    /// Show or change the configuration of a host
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Commands for plugin authors.
    #[command(flatten)]
    Author(AuthorCommand),
    /// Print the completion script for a shell
    Completions(Completions),
    /// Print the manual page, or write the page of each command into a folder
    Man(Man),
}

/// Commands about the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show the settings that `serve` would use with the same flags, environment and file
    #[command(after_help = EXIT_CODES)]
    Show(Box<ShowConfig>),
    /// Commands that change the settings of a running host.
    #[command(flatten)]
    Change(SettingCommand),
}

/// `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Load this source at startup: an https git URL, a folder, a `.zip` or a `.so` file; may be repeated
    #[arg(long, value_name = "SOURCE", value_parser = parse_source)]
    pub(crate) load: Vec<Source>,
    /// Configuration file [default: ./host.toml if it exists]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

/// `config show`.
#[derive(Debug, Args)]
pub(crate) struct ShowConfig {
    /// Also show the origin of each value
    #[arg(long)]
    pub(crate) origin: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Configuration file [default: ./host.toml if it exists]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) flags: Flags,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_definitions_are_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
