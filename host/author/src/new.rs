//! `new`: creates a plugin project.

use std::fs;
use std::path::{Path, PathBuf};

use host_build::template::{self, ProjectName};

use crate::args::New;
use crate::files::write;
use crate::sdk;
use host_client::Failure;
use host_client::output;
use host_client::output::text::printable;

/// Creates a plugin project.
///
/// # Errors
/// The name is invalid or the folder is not empty; then nothing is written.
pub fn new(args: &New, data_folder: Option<&Path>) -> Result<(), Failure> {
    let name = ProjectName::parse(&args.name).map_err(|error| {
        let shown = printable(&args.name);
        Failure::usage(format!("invalid plugin name `{shown}`"))
            .because(error.to_string())
            .fix("use letters, digits and `-`, such as `my-plugin`")
    })?;
    let folder = args.path.clone().unwrap_or_else(|| PathBuf::from(name.as_str()));
    if let Some(found) = anything_in(&folder)? {
        let failure = Failure::failed(format!("`{}` is not empty", folder.display()));
        return Err(failure.because(format!("it contains `{found}`")).fix("select an empty folder with --path"));
    }
    if name.as_str() != args.name {
        output::error_line(&format!(
            "note: the plugin is named `{}`, following the convention for crates",
            name.as_str()
        ));
    }
    for (path, bytes) in template::files(&name) {
        write(&folder.join(path), &bytes)?;
    }
    // A failure is only a warning: the file is needed by `cargo test` and editors, not by a host.
    let sdk = sdk::point(&folder, data_folder);
    output::line(&format!("created the plugin in `{}`", folder.display()));
    if let Err(failure) = sdk {
        output::error_line(&format!("{failure}\n"));
    }
    let shown = shell(&folder);
    output::line(&format!("\nnext:\n  cd {shown}\n  plugin-host dev      # serve it and reload it on every change"));
    output::line("  plugin-host check    # run all checks of a host\n  cargo test");
    Ok(())
}

/// Returns the name of an entry in a folder, if the folder is not empty.
fn anything_in(folder: &Path) -> Result<Option<String>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::from_error(format!("failed to read the folder `{}`", folder.display()), &error)
    };
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            Some(entry) => Ok(Some(entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned())),
            None => Ok(None),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error)),
    }
}

/// Quotes a path for a shell.
pub(crate) fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    if text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c)) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
