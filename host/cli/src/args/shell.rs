//! Manual pages, generated from the definition of the command line.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _};

use super::Cli;
use host_client::{Failure, output};

/// `man`.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Write the page of each command into this folder instead of printing the main page
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

/// Prints the main page, or writes the pages of all commands into a folder, which is created if it does not exist.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn man(args: &Man) -> Result<(), Failure> {
    let mut command = Cli::command();
    command.build();
    let Some(folder) = &args.folder else {
        let page = page(command).map_err(|error| Failure::from_error("failed to render the manual page", &error))?;
        output::raw(page.trim_ascii_end());
        return Ok(());
    };
    let failed = |error: io::Error| Failure::from_error(format!("failed to write into `{}`", folder.display()), &error);
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
