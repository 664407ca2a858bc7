//! The SDK that the host carries for the builds of plugins.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use host_core::{Digest, DigestWriter};
use host_store::{Store, atomic};
use parking_lot::Mutex;
use semver::Version;

use crate::Error;
use crate::error::IoContext as _;

/// Every file of the SDK, by its path inside `plugin-sdk`, sorted.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/sdk_files.rs"));

/// The SDK crates that a plugin may depend on, with their locations.
pub(crate) const CRATES: [(&str, &str); 3] =
    [("plugin-sdk", ""), ("plugin-sdk-abi", "abi"), ("plugin-sdk-macros", "macros")];

/// The digest of all files with their paths.
pub(crate) fn digest() -> Digest {
    static DIGEST: LazyLock<Digest> = LazyLock::new(|| {
        let mut writer = DigestWriter::new();
        for (path, bytes) in FILES {
            writer.field(path.as_bytes()).field(bytes);
        }
        writer.finish()
    });
    *DIGEST
}

/// The version of `plugin-sdk`.
pub(crate) fn version() -> Version {
    version_of("Cargo.toml")
}

/// The version of `plugin-sdk-abi`, which is the version of the boundary.
pub(crate) fn abi_version() -> Version {
    version_of("abi/Cargo.toml")
}

fn version_of(manifest: &str) -> Version {
    let text = FILES.iter().find(|(path, _)| *path == manifest).and_then(|(_, bytes)| std::str::from_utf8(bytes).ok());
    let table: toml::Table = text.and_then(|text| text.parse().ok()).expect("cargo has read the same file");
    let version = table["package"]["version"].as_str().and_then(|version| version.parse().ok());
    version.expect("the SDK's manifests say their version")
}

/// Ensures that the build cache contains the SDK, complete and unchanged, and returns its path.
pub(crate) fn materialise(store: &Store) -> Result<PathBuf, Error> {
    // Two builds that find it missing would otherwise write into the same temporary folder.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    put(store.sdk_dir(&digest()))
}

/// Stores the SDK below `folder` for an author's tools (`cargo test`, an editor), which find it by its path. Returns
/// the path: another SDK has another path, so the SDK of a project never changes. Blocks.
///
/// # Errors
/// [`Error::Io`] when the folder cannot be written.
pub fn install_sdk(folder: &Path) -> Result<PathBuf, Error> {
    fs::create_dir_all(folder).context("create", folder)?;
    put(sdk_place(folder))
}

/// The path at which [`install_sdk`] stores the SDK of this program.
pub fn sdk_place(folder: &Path) -> PathBuf {
    folder.join(&digest().hex()[..16])
}

fn put(place: PathBuf) -> Result<PathBuf, Error> {
    if is_whole(&place) {
        return Ok(place);
    }
    let folder = place.parent().unwrap_or(Path::new("/"));
    let temp = folder.join(format!(".unfinished-{}", std::process::id()));
    for leftover in [&temp, &place] {
        if leftover.exists() {
            fs::remove_dir_all(leftover).context("remove", leftover)?;
        }
    }
    for (path, bytes) in FILES {
        let file = temp.join(path);
        let parent = file.parent().unwrap_or(&temp);
        fs::create_dir_all(parent).context("create", parent)?;
        atomic::write(&file, bytes, 0o444).context("write", &file)?;
    }
    match fs::rename(&temp, &place) {
        // Another host with the same build cache was faster.
        Err(_) if is_whole(&place) => fs::remove_dir_all(&temp).context("remove", &temp)?,
        renamed => renamed.context("put in place", &place)?,
    }
    Ok(place)
}

fn is_whole(place: &Path) -> bool {
    FILES.iter().all(|(path, bytes)| fs::read(place.join(path)).is_ok_and(|found| found == *bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_included_sdk_is_complete_and_has_its_versions() {
        for file in
            ["Cargo.toml", "src/lib.rs", "abi/Cargo.toml", "abi/src/lib.rs", "macros/Cargo.toml", "macros/src/lib.rs"]
        {
            assert!(FILES.iter().any(|(path, bytes)| *path == file && !bytes.is_empty()), "{file}");
        }
        assert!(version() >= Version::new(0, 1, 0) && abi_version() >= Version::new(1, 0, 0));
    }

    #[test]
    fn a_damaged_copy_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(host_store::Config {
            plugin_dir: folder.path().join("plugins"),
            cache_dir: folder.path().join("cache"),
            limits: Default::default(),
        })
        .unwrap();
        let place = materialise(&store).unwrap();
        let file = place.join("src/lib.rs");
        let written = fs::metadata(&file).unwrap().modified().unwrap();
        assert_eq!(materialise(&store).unwrap(), place);
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), written, "a whole copy is left alone");

        atomic::write(&file, b"changed", 0o644).unwrap();
        fs::remove_file(place.join("abi/Cargo.toml")).unwrap();
        materialise(&store).unwrap();
        assert!(is_whole(&place));
        assert_eq!(fs::read_dir(place.parent().unwrap()).unwrap().count(), 1);
    }
}
