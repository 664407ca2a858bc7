//! Manual pages, generated from the definition of the command line.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _};

use super::Cli;
use crate::config::is_bare_name;
use host_client::{Failure, output};

/// `man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Print the page of this command, or write the page of each command into this folder; without it, print the main
    /// page
    #[arg(value_name = "COMMAND|DIR")]
    pub(crate) place: Option<PathBuf>,
}

/// Prints the main page or the page of a command, or writes the pages of all commands into a folder, which is created
/// if it does not exist.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn man(args: &Man) -> Result<(), Failure> {
    let mut command = Cli::command();
    command.build();
    let named = |place: &PathBuf| command.find_subcommand(place).cloned();
    let Some(folder) = args.place.as_ref().filter(|place| named(place).is_none()) else {
        let command = args.place.as_ref().and_then(named).unwrap_or(command);
        let page = page(command).map_err(|error| Failure::from_error("failed to render the manual page", &error))?;
        output::raw(page.trim_ascii_end());
        return Ok(());
    };
    let failed = |error: io::Error| Failure::from_error(format!("failed to write into `{}`", folder.display()), &error);
    if is_bare_name(folder) && !folder.exists() {
        let failure = Failure::usage(format!("there is no command and no folder `{}`", folder.display()));
        return Err(failure.fix(format!("write `./{}` to create the folder", folder.display())));
    }
    std::fs::create_dir_all(folder).map_err(failed)?;
    write(folder, &command).map_err(failed)
}

/// Writes the page of a command and the pages of its subcommands.
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
