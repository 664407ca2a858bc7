//! Writes the Cargo.lock of a new plugin, so that all its builds use the same versions.

use std::path::Path;
use std::time::Duration;

use host_process::Command;

use crate::workshop::Workshop;

/// The time limit of cargo, which may download the index of its registry.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Writes Cargo.lock into a folder with a package that has none. Returns whether it was written.
///
/// A failure is not an error: the build that follows reports it, or works without the file. A member of a workspace is
/// left alone, because its Cargo.lock is in another folder.
pub(crate) async fn complete(workshop: &Workshop, folder: &Path) -> bool {
    let lock = folder.join("Cargo.lock");
    if lock.exists() || !host_build::has_own_lock_file(folder) {
        return false;
    }
    let Some(data_folder) = &workshop.data_folder else { return false };
    let Ok(sdk) = host_build::install_sdk(&data_folder.join("sdk")) else { return false };
    let build = &workshop.build;
    let mut command = Command::new(&build.cargo, workshop.store.empty_dir(), TIMEOUT)
        .args(["generate-lockfile", "--manifest-path"])
        .arg(folder.join("Cargo.toml"));
    for patch in host_build::sdk_patches(&sdk) {
        command = command.args(["--config".to_owned(), patch]);
    }
    if build.offline {
        command = command.arg("--offline");
    }
    for (name, value) in &build.environment {
        command = command.env(name, value);
    }
    let ended = command.env("CARGO_HOME", workshop.store.cargo_home()).run(|_| {}).await;
    ended.is_ok_and(|exit| exit.is_success()) && lock.is_file()
}
