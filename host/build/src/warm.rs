//! The warm-up: compiles the SDK once before the first plugin and copies the result to every slot.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use host_core::Digest;
use host_core::manifest::{Build, Profile};
use host_store::{Store, atomic};

use crate::Error;
use crate::cargo_toml::Package;
use crate::error::IoContext as _;
use crate::sdk;
use crate::work::Work;

/// The file in a target folder that names the SDK it is warm for.
const MARKER: &str = ".warm";

/// The time limit for compiling the SDK, which no manifest defines.
const TIMEOUT: Duration = Duration::from_secs(900);

/// The smallest crate that needs the SDK.
pub(crate) fn package() -> Package {
    let (folder, root) = (String::new(), String::new());
    let (name, library, profiles) = ("warm-up".to_owned(), "warm_up".to_owned(), Default::default());
    Package { name, library, has_workspace: true, folder, root, profiles }
}

/// The default build settings: plugins that do not change them reuse the compiled SDK.
pub(crate) fn build() -> Build {
    Build { features: Vec::new(), profile: Profile::Release, env: BTreeMap::new(), timeout: TIMEOUT }
}

/// Writes the crate.
pub(crate) fn work(store: &Store) -> Result<Work, Error> {
    let name = Digest::compute(format!("warm-up {}", sdk::digest()).as_bytes());
    let work = Work::empty(store, &name)?;
    let manifest = format!(
        "[package]\nname = \"warm-up\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[lib]\ncrate-type = [\"cdylib\"]\n\
         path = \"lib.rs\"\n\n[dependencies]\nplugin-sdk = \"={}\"\n\n[workspace]\n",
        sdk::version()
    );
    work.write("Cargo.toml", &manifest)?;
    work.write("lib.rs", "extern crate plugin_sdk as _;\n")?;
    Ok(work)
}

/// Returns whether a target folder is warm for the SDK of this host.
pub(crate) fn is_warm(target: &Path) -> bool {
    fs::read_to_string(target.join(MARKER)).is_ok_and(|text| text == sdk::digest().hex())
}

/// Marks a target folder as warm.
pub(crate) fn mark(target: &Path) -> Result<(), Error> {
    let path = target.join(MARKER);
    atomic::write(&path, sdk::digest().hex().as_bytes(), 0o644).context("write", &path)
}

/// Replaces the content of `to` by a copy of `from`, unless `to` is warm already.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    if is_warm(to) {
        return Ok(());
    }
    fs::remove_dir_all(to).context("empty", to)?;
    copy_folder(from, to)?;
    mark(to)
}

/// Copies a folder with the times of its files, which cargo compares to detect changes.
fn copy_folder(from: &Path, to: &Path) -> Result<(), Error> {
    fs::create_dir_all(to).context("create", to)?;
    for entry in fs::read_dir(from).context("list", from)? {
        let entry = entry.context("list", from)?;
        let (source, copy) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().context("look at", &source)?;
        if kind.is_dir() {
            copy_folder(&source, &copy)?;
        } else if kind.is_file() && entry.file_name() != MARKER {
            fs::copy(&source, &copy).context("copy", &source)?;
            let time = entry.metadata().and_then(|metadata| metadata.modified()).context("look at", &source)?;
            let file = File::options().append(true).open(&copy).context("open", &copy)?;
            file.set_modified(time).context("set the time of", &copy)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    #[test]
    fn a_copy_keeps_times_and_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("0"), folder.path().join("1"));
        fs::create_dir_all(from.join("release/deps")).unwrap();
        fs::create_dir_all(to.join("old")).unwrap();
        let file = File::create(from.join("release/deps/a.rlib")).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::new(1_000_000, 123_456_789);
        file.set_modified(time).unwrap();

        copy(&from, &to).unwrap();
        assert_eq!(fs::metadata(to.join("release/deps/a.rlib")).unwrap().modified().unwrap(), time);
        assert!(!to.join("old").exists() && is_warm(&to) && !is_warm(&from));

        fs::remove_file(to.join("release/deps/a.rlib")).unwrap();
        copy(&from, &to).unwrap();
        assert!(!to.join("release/deps/a.rlib").exists());
    }
}
