//! The command line: commands, arguments and their help texts.

mod color;
mod completion;
mod help;
mod options;
mod refusal;
mod rescan;
mod shell;
mod synonyms;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::Styles;
use clap::error::{ContextKind, ContextValue};
use clap::{Args, CommandFactory as _, Parser, Subcommand};
use host_author::args::AuthorCommand;
use host_client::args::{ClientCommand, EXIT_CODES, LOCAL_EXIT_CODES, SERVE_EXIT_CODES, SettingCommand, parse_source};
use host_client::output::FormatArgs;
use host_core::Source;

use crate::config::{Environment, Flags};

pub(crate) use color::Color;
pub(crate) use completion::{Completions, completions};
pub(crate) use refusal::Refusal;
pub(crate) use rescan::Rescan;
pub(crate) use shell::{Man, man};

/// A host for native Rust plugins: fetches, checks, builds, loads and reloads them while it runs
#[derive(Debug, Parser)]
#[command(name = "plugin-host", version, after_help = EXIT_CODES, max_term_width = 110)]
pub(crate) struct Cli {
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// When to use colours: always, never or auto; auto follows NO_COLOR and CLICOLOR_FORCE, and without them uses
    /// colours on a terminal
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t, hide_possible_values = true)]
    color: Color,
}

impl Cli {
    /// Parses the arguments of this process and selects the colours of its output.
    ///
    /// # Errors
    /// The arguments are invalid, or they ask for help or the version.
    pub(crate) fn read(environment: &Environment) -> Result<Cli, Refusal> {
        let arguments: Vec<_> = std::env::args_os().collect();
        // Help and errors follow `--color`, too.
        Color::from_arguments(arguments.iter().cloned()).colors(environment).select();
        Cli::parse(help::command(Cli::command()), &arguments).map_err(|error| {
            let plain = || Cli::parse(help::command(Cli::command().styles(Styles::plain())), &arguments).err();
            Refusal::new(&error, plain)
        })
    }

    fn parse(mut command: clap::Command, arguments: &[OsString]) -> Result<Cli, clap::Error> {
        let matches = command.try_get_matches_from_mut(arguments);
        let matches = matches.map_err(|error| without_secrets(synonyms::with_tip(error, arguments, &command)))?;
        <Cli as clap::FromArgMatches>::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// Removes user, password and query from an invalid address, because output of commands is often logged.
fn without_secrets(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::String(text)) = error.get(ContextKind::InvalidValue)
        && text.contains("://")
    {
        let shown = host_core::shown_address(text);
        error.insert(ContextKind::InvalidValue, ContextValue::String(shown));
    }
    error
}

/// All commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a host until SIGTERM or SIGINT
    #[command(after_help = SERVE_EXIT_CODES)]
    Serve(Box<Serve>),
    /// Commands of a client.
    #[command(flatten)]
    Client(ClientCommand),
    /// Write a commented host.toml and plugins.yaml
    #[command(after_help = LOCAL_EXIT_CODES)]
    Init(Init),
    /// Rebuild a lost or damaged state database while no host runs
    ///
    /// The database is rebuilt from the records of the plugins, which are files in the plugin folder.
    #[command(after_help = LOCAL_EXIT_CODES)]
    Rescan(Rescan),
    /// Show or change the configuration of a host
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Commands for plugin authors.
    #[command(flatten)]
    Author(AuthorCommand),
    /// Print or install the completion script of a shell
    #[command(after_help = LOCAL_EXIT_CODES)]
    Completions(Completions),
    /// Print the manual page, or write all pages into a folder
    #[command(after_help = LOCAL_EXIT_CODES)]
    Man(Man),
}

/// Commands about the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show the settings that `serve` would use with the same flags, environment and file
    #[command(after_help = LOCAL_EXIT_CODES)]
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

/// `init`.
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Folder for the two files, which must not exist yet; a missing folder is created
    #[arg(default_value = ".", value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// `config show`.
#[derive(Debug, Args)]
pub(crate) struct ShowConfig {
    /// Also show the origin of each value
    #[arg(long)]
    pub(crate) origin: bool,
    /// The output format.
    #[command(flatten)]
    pub(crate) format: FormatArgs,
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

    #[test]
    fn dev_accepts_its_option_under_its_older_name() {
        for option in ["--configuration", "--config"] {
            let arguments = ["plugin-host", "dev", option, "hello.json"].map(OsString::from);
            assert!(Cli::parse(Cli::command(), &arguments).is_ok(), "{option}");
        }
    }
}
