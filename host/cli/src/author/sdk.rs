//! `sdk`: tells cargo and editors where the SDK is. A host brings it to the builds that it runs; `cargo test` in the
//! author's own folder finds it by `.cargo/config.toml`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::new::write;
use crate::config::Environment;
use crate::failure::Failure;
use crate::output;
use crate::words::author::Sdk;

/// What the files begin with that this program writes, and may write again.
const MARK: &str = "# Written by `plugin-host sdk`";

/// Writes `.cargo/config.toml` in a plugin's folder.
///
/// # Errors
/// There is one that this program did not write.
pub(crate) fn sdk(words: &Sdk, environment: &Environment) -> Result<(), Failure> {
    if !words.folder.join("Cargo.toml").is_file() {
        let failure = Failure::usage(format!("there is no Cargo.toml in `{}`", words.folder.display()));
        return Err(failure.fix("name the folder of a plugin"));
    }
    let (file, place) = point(&words.folder, environment)?;
    output::line(&format!("{}: plugin-sdk is {}", file.display(), place.display()));
    Ok(())
}

/// Writes `.cargo/config.toml` below `folder`; returns the file, and where the SDK is.
pub(super) fn point(folder: &Path, environment: &Environment) -> Result<(PathBuf, PathBuf), Failure> {
    // Not the build cache, which may be deleted at any time: a project would no longer resolve.
    let place = environment.data_folder().ok_or_else(|| {
        Failure::usage("nobody says where this user's folders are").fix("set HOME, or XDG_DATA_HOME, to a full path")
    })?;
    let place = host_build::install_sdk(&place.join("sdk"))
        .map_err(|error| Failure::of("failed to put the SDK into the user's data folder", &error))?;
    let path = file_in(folder);
    let entry = entry(&place);
    match fs::read_to_string(&path) {
        Ok(text) if !text.starts_with(MARK) => {
            if text.contains(&entry) {
                return Ok((path, place));
            }
            let failure = Failure::failed(format!("`{}` is there already, and not of this program", path.display()));
            return Err(failure.fix(format!("add to it: [patch.crates-io] {entry}")));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(Failure::of(format!("failed to read `{}`", path.display()), &error)),
    }
    write(&path, text(&entry).as_bytes())?;
    Ok((path, place))
}

/// What to say when a folder names the SDK of another version of this program.
pub(super) fn is_of_another_host(folder: &Path, environment: &Environment) -> bool {
    let Ok(text) = fs::read_to_string(file_in(folder)) else { return false };
    let Some(place) = environment.data_folder() else { return false };
    text.starts_with(MARK) && !text.contains(&entry(&host_build::sdk_place(&place.join("sdk"))))
}

fn file_in(folder: &Path) -> PathBuf {
    folder.join(".cargo").join("config.toml")
}

fn entry(place: &Path) -> String {
    // A JSON text is a TOML text too.
    format!("plugin-sdk = {{ path = {} }}", serde_json::Value::from(place.display().to_string()))
}

fn text(entry: &str) -> String {
    format!(
        "{MARK} for `cargo test` and editors, on this machine only: keep it out of\n\
         # the repository. A host that builds the plugin leaves this file aside and brings its own SDK.\n\
         [patch.crates-io]\n{entry}\n"
    )
}
