//! `sdk`: points cargo and editors to the plugin-sdk. A host supplies the SDK to its builds; `cargo test` in the
//! author's folder finds it through `.cargo/config.toml`.

use std::path::{Path, PathBuf};

use crate::args::Sdk;
use crate::files::write;
use host_client::Failure;
use host_client::output;

/// Maximum size of a `.cargo/config.toml`.
const MAX_BYTES: u64 = 1 << 20;

/// The first line of files written by this program, which it may overwrite.
const MARK: &str = "# Written by `plugin-host sdk`";

/// Writes `.cargo/config.toml` in a plugin's folder.
///
/// # Errors
/// The file exists and was not written by this program.
pub fn sdk(args: &Sdk, data_folder: Option<&Path>) -> Result<(), Failure> {
    if !args.folder.join("Cargo.toml").is_file() {
        let failure = Failure::usage(format!("`{}` contains no Cargo.toml", args.folder.display()));
        return Err(failure.fix("pass the folder of a plugin"));
    }
    let (file, place) = point(&args.folder, data_folder)?;
    output::line(&format!("{}: plugin-sdk is {}", file.display(), place.display()));
    Ok(())
}

/// Writes `.cargo/config.toml` below `folder`; returns the paths of the file and of the SDK.
pub(crate) fn point(folder: &Path, data_folder: Option<&Path>) -> Result<(PathBuf, PathBuf), Failure> {
    // Not in the build cache: deleting the cache would break the project.
    let place = data_folder.ok_or_else(|| {
        Failure::usage("the user's data folder is unknown").fix("set HOME or XDG_DATA_HOME to an absolute path")
    })?;
    let place = host_build::install_sdk(&place.join("sdk"))
        .map_err(|error| Failure::from_error("failed to install the SDK into the user's data folder", &error))?;
    let path = file_in(folder);
    let entry = entry(&place);
    match host_file::read_text(&path, MAX_BYTES) {
        Ok(text) if !text.starts_with(MARK) => {
            if text.contains(&entry) {
                return Ok((path, place));
            }
            let failure = Failure::failed(format!("`{}` exists and was not written by this program", path.display()));
            return Err(failure.fix(format!("add this line below [patch.crates-io]: {entry}")));
        }
        Ok(_) => {}
        Err(error) if error.is_not_found() => {}
        Err(error) => {
            return Err(Failure::failed(format!("failed to read `{}`", path.display())).because(error.to_string()));
        }
    }
    write(&path, text(&entry).as_bytes())?;
    Ok((path, place))
}

/// Returns whether a folder points to the SDK of another version of this program.
pub(crate) fn is_of_another_host(folder: &Path, data_folder: Option<&Path>) -> bool {
    let Ok(text) = host_file::read_text(&file_in(folder), MAX_BYTES) else { return false };
    let Some(place) = data_folder else { return false };
    text.starts_with(MARK) && !text.contains(&entry(&host_build::sdk_place(&place.join("sdk"))))
}

fn file_in(folder: &Path) -> PathBuf {
    folder.join(".cargo").join("config.toml")
}

fn entry(place: &Path) -> String {
    // A JSON string is a valid TOML string.
    format!("plugin-sdk = {{ path = {} }}", serde_json::Value::from(place.display().to_string()))
}

fn text(entry: &str) -> String {
    format!(
        "{MARK} for `cargo test` and editors, on this machine only: keep it out of\n\
         # the repository. A host that builds the plugin ignores this file and uses its own SDK.\n\
         [patch.crates-io]\n{entry}\n"
    )
}
