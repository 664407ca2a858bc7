//! What shells and readers are given: completions and manual pages, made from the words themselves.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _, ValueEnum};
use clap_complete::Shell as Known;

use super::{Client, Words};
use crate::failure::Failure;
use crate::output;

/// `ping`.
#[derive(Debug, Args)]
pub(crate) struct Ping {
    /// Only ask whether it answers, ready or not
    #[arg(long)]
    pub(crate) live: bool,
    #[command(flatten)]
    pub(crate) client: Client,
}

/// `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// A shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// `man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write a page for each command into this folder, instead of the main one to standard output
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

/// Prints what the shell is to read.
pub(crate) fn completions(words: &Completions) {
    let shell = match words.shell {
        Shell::Bash => Known::Bash,
        Shell::Zsh => Known::Zsh,
        Shell::Fish => Known::Fish,
    };
    let words = Words::command();
    // What is hidden is for programs.
    let shown = words.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let mut command = clap::Command::new("plugin-host").version(env!("CARGO_PKG_VERSION")).subcommands(shown);
    let mut script = vec![];
    clap_complete::generate(shell, &mut command, "plugin-host", &mut script);
    output::raw(script.trim_ascii_end());
}

/// Prints the main page, or writes all into a folder, which is made if it is not there.
///
/// # Errors
/// The folder can't be written.
pub(crate) fn man(words: &Man) -> Result<(), Failure> {
    let mut command = Words::command();
    command.build();
    let Some(folder) = &words.folder else {
        let page = page(command).map_err(|error| Failure::of("failed to make the page", &error))?;
        output::raw(page.trim_ascii_end());
        return Ok(());
    };
    let failed = |error: io::Error| Failure::of(format!("failed to write into `{}`", folder.display()), &error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    write(folder, &command).map_err(failed)
}

/// Writes the page of a command, and those of the commands below it.
fn write(folder: &Path, command: &clap::Command) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help") {
        write(folder, below)?;
    }
    let name = command.get_display_name().unwrap_or(command.get_name());
    host_store::atomic::write(&folder.join(format!("{name}.1")), &page(command.clone())?, 0o644)
}

fn page(command: clap::Command) -> io::Result<Vec<u8>> {
    let mut page = vec![];
    clap_mangen::Man::new(command).render(&mut page)?;
    Ok(page)
}
