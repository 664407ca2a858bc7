//! `new`: the files that a plugin begins with.

use std::fs;
use std::path::{Path, PathBuf};

use host_build::template::{self, ProjectName};
use host_store::atomic;

use super::sdk;
use crate::config::Environment;
use crate::failure::Failure;
use crate::output;
use crate::output::text::printable;
use crate::words::author::New;

/// Writes a new plugin.
///
/// # Errors
/// The name is not allowed, or the folder is not empty; nothing is written then.
pub(crate) fn new(words: &New, environment: &Environment) -> Result<(), Failure> {
    let name = ProjectName::parse(&words.name).map_err(|error| {
        let shown = printable(&words.name);
        Failure::usage(format!("a plugin can't be called `{shown}`"))
            .because(error.to_string())
            .fix("choose a name of letters, digits and `-`, such as `my-plugin`")
    })?;
    let folder = words.path.clone().unwrap_or_else(|| PathBuf::from(name.as_str()));
    if let Some(found) = anything_in(&folder)? {
        let failure = Failure::failed(format!("`{}` is not empty", folder.display()));
        return Err(failure.because(format!("it holds `{found}`")).fix("name an empty folder with --path"));
    }
    if name.as_str() != words.name {
        output::error_line(&format!("note: it is called `{}`, as crates are", name.as_str()));
    }
    let mut n_files = 0;
    for (path, bytes) in template::files(&name) {
        write(&folder.join(path), &bytes)?;
        n_files += 1;
    }
    // Without it the plugin is whole; only `cargo test` and editors look for it.
    let sdk = sdk::point(&folder, environment);
    output::line(&format!("{}: {n_files} files", folder.display()));
    if let Err(failure) = sdk {
        output::error_line(&format!("{failure}\n"));
    }
    let shown = shell(&folder);
    output::line(&format!("\nnext:\n  cd {shown}\n  plugin-host dev      # serves it, and reloads it at every save"));
    output::line("  plugin-host check    # all that a host checks\n  cargo test");
    Ok(())
}

/// What lies in a folder, if anything does.
fn anything_in(folder: &Path) -> Result<Option<String>, Failure> {
    let unreadable = |error: std::io::Error| Failure::of(format!("failed to look into `{}`", folder.display()), &error);
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            Some(entry) => Ok(Some(entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned())),
            None => Ok(None),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error)),
    }
}

/// Writes a file, and makes its folder where needed.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let failed = |error: std::io::Error| Failure::of(format!("failed to write `{}`", path.display()), &error);
    fs::create_dir_all(folder).map_err(failed)?;
    atomic::write(path, bytes, 0o644).map_err(failed)
}

/// A path as a word of a shell.
fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    match text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c)) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}
