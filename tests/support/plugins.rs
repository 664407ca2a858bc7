//! The plugins of `tests/plugins` and `examples`: where they lie, and built copies of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::host::TestHost;

/// Hosts of one test run share a build cache, and builds of the same plugin in it would meet.
static BUILDS: Mutex<()> = Mutex::const_new(());

/// The root of this repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// The folder of a plugin in `tests/plugins` or `examples`.
pub(crate) fn source(name: &str) -> PathBuf {
    let places = ["tests/plugins", "examples"].map(|folder| repository().join(folder).join(name));
    places.into_iter().find(|place| place.is_dir()).unwrap_or_else(|| panic!("there is no plugin `{name}`"))
}

/// The one build cache of a test run.
pub(crate) fn build_cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("build_cache")
}

/// Where built copies are kept.
pub(crate) fn built_folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("built");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Held while a host builds `source`; a library needs no build and no turn.
pub(crate) async fn turn_to_build(source: &Path) -> Option<MutexGuard<'static, ()>> {
    if source.extension().is_some_and(|extension| extension == "so") { None } else { Some(BUILDS.lock().await) }
}

/// The same for a source that is no path.
pub(crate) async fn any_turn_to_build() -> MutexGuard<'static, ()> {
    BUILDS.lock().await
}

/// A library of a plugin, beside its plugin.yaml. A host builds it from its source, once a run.
pub(crate) async fn built(name: &str) -> PathBuf {
    static BUILT: Mutex<Option<HashMap<String, Arc<OnceCell<PathBuf>>>>> = Mutex::const_new(None);
    let cell = BUILT.lock().await.get_or_insert_default().entry(name.to_owned()).or_default().clone();
    cell.get_or_init(|| build(name)).await.clone()
}

async fn build(name: &str) -> PathBuf {
    let host = TestHost::start().await;
    let source = source(name);
    let turn = turn_to_build(&source).await;
    let asked = host.post_json("/api/plugins/load", &json!({ "source": source })).await.expect(200).json();
    drop(turn);
    let plugin = host.plugin(asked["id"].as_str().unwrap()).await;
    let digest = plugin["file_path"].as_str().unwrap().trim_start_matches("sha256:");
    let artifact = host.plugin_dir().join("artifacts").join(digest);
    let copy = built_folder().join(name);
    std::fs::create_dir_all(&copy).unwrap();
    for file in ["library.so", "plugin.yaml"] {
        copy_file(&artifact.join(file), &copy.join(file));
    }
    // Plugins of the tests name it as the store does.
    let schema = "configuration_schema.json";
    if artifact.join(schema).is_file() {
        copy_file(&artifact.join(schema), &copy.join(schema));
    }
    copy.join("library.so")
}

/// A library of a plugin under another id and version, in a folder of its own below the sources of a host.
pub(crate) async fn as_version(host: &TestHost, name: &str, id: &str, version: &str) -> PathBuf {
    let folder = host.sources().join(format!("{id}-{version}"));
    copy(built(name).await.parent().unwrap(), &folder);
    let yaml = std::fs::read_to_string(folder.join("plugin.yaml")).unwrap();
    let line = |line: &str| match line.split_once(": ") {
        Some(("id", _)) => format!("id: {id}\n"),
        Some(("version", _)) => format!("version: {version}\n"),
        _ => format!("{line}\n"),
    };
    std::fs::write(folder.join("plugin.yaml"), yaml.lines().map(line).collect::<String>()).unwrap();
    folder.join("library.so")
}

/// Copies a whole folder, so that a test can change it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if !entry.file_type().unwrap().is_dir() {
            copy_file(&entry.path(), &to);
        } else if entry.file_name() != "target" {
            copy(&entry.path(), &to);
        }
    }
}

/// Copies a file without its permissions: those in the store may not be written to.
fn copy_file(from: &Path, to: &Path) {
    let _ = std::fs::remove_file(to);
    std::fs::write(to, std::fs::read(from).unwrap()).unwrap();
}

/// The paths of all files of a folder, as seen from it.
pub(crate) fn paths(folder: &Path) -> Vec<String> {
    fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if !entry.file_type().unwrap().is_dir() {
                found.push(name);
            } else if entry.file_name() != "target" {
                walk(&entry.path(), &format!("{name}/"), found);
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, "", &mut found);
    found.sort();
    found
}

/// All files of a folder with their paths inside it, as an archive wants them.
pub(crate) fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |path: String| {
        let bytes = std::fs::read(folder.join(&path)).unwrap();
        (path, bytes)
    };
    paths(folder).into_iter().map(read).collect()
}
