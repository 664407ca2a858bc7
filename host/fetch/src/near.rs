//! Finds a file or folder with nearly the name of a missing one.

use std::path::{Path, PathBuf};

use host_core::spelling::suggestion;

/// Returns a file or folder beside a missing path that has nearly its name. Reads at most 1,000 names.
pub(crate) fn near(path: &Path) -> Option<PathBuf> {
    let (parent, name) = (path.parent()?, path.file_name()?.to_str()?);
    let entries = std::fs::read_dir(or_here(parent)).ok()?.take(1_000);
    let names: Vec<_> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    Some(parent.join(suggestion(name, &names)?))
}

/// The path of a folder, which is empty for the working folder.
pub(crate) fn or_here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}
