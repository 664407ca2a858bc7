//! The workspace of a package.

use std::path::Path;

use toml::{Table, Value};

use super::{Read, at, in_folder, inside, parse};
use crate::Error;

/// The folder of the workspace that the package belongs to: its own, the workspace that it names, or the nearest
/// workspace above it that does not exclude it.
pub(super) fn workspace_of(read: Read<'_>, base: &str, root: &Table) -> Result<Option<String>, Error> {
    if root.contains_key("workspace") {
        return Ok(Some(base.to_owned()));
    }
    if let Some(path) = at(root, "package", "workspace").and_then(Value::as_str) {
        // A path that leads outside is refused with the other paths.
        return Ok(Some(inside(base, path).unwrap_or_else(|| base.to_owned())));
    }
    let mut above = base;
    while !above.is_empty() {
        above = above.rsplit_once('/').map_or("", |(above, _)| above);
        let Some(table) = parse(read, &in_folder(above, "Cargo.toml"))? else { continue };
        let Some(workspace) = table.get("workspace") else { continue };
        let excluded = workspace.get("exclude").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let is_excluded = excluded
            .iter()
            .filter_map(Value::as_str)
            .filter_map(|path| inside(above, path))
            .any(|path| base == path || base.strip_prefix(&*path).is_some_and(|rest| rest.starts_with('/')));
        return Ok((!is_excluded).then(|| above.to_owned()));
    }
    Ok(None)
}

/// Returns whether cargo stores the Cargo.lock of a package in the package's own folder. The Cargo.lock of a member of
/// a workspace is in the folder of the workspace.
pub fn has_own_lock_file(folder: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    let Some(base) = folder.to_str().map(|folder| folder.trim_start_matches('/')) else { return false };
    let read = |path: &str| std::fs::read(Path::new("/").join(path)).ok().map(Ok);
    let Ok(Some(table)) = parse(&read, &in_folder(base, "Cargo.toml")) else { return false };
    // If a Cargo.toml cannot be read, the build reports the reason.
    let workspace = workspace_of(&read, base, &table);
    table.contains_key("package") && workspace.is_ok_and(|found| found.is_none_or(|folder| folder == base))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[package]\nname = \"x\"\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n";

    #[test]
    fn a_lock_file_is_beside_the_package_or_in_its_workspace() {
        for (above, own, expected) in [
            ("", "", true),
            ("[package]\nname = \"y\"", "", true),
            ("[workspace]\nmembers = [\"a\"]", "", false),
            ("[workspace]\nexclude = [\"a\"]", "", true),
            ("[workspace.dependencies]", "", false),
            ("# [workspace]", "", true),
            ("description = \"\"\"\n[workspace]\n\"\"\"", "", true),
            ("[workspace]", "[workspace]", true),
            ("", "[package]\nworkspace = \"../b\"", false),
            ("[workspace", "", false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let write = |path: &str, text: &str| {
                let path = folder.path().join(path);
                host_store::atomic::write(&path, text.as_bytes(), 0o644).unwrap();
            };
            std::fs::create_dir(folder.path().join("a")).unwrap();
            let own = if own.starts_with("[package]") { own.to_owned() } else { format!("{HEAD}{own}") };
            write("a/Cargo.toml", &own);
            if !above.is_empty() {
                write("Cargo.toml", above);
            }
            assert_eq!(has_own_lock_file(&folder.path().join("a")), expected, "{above} {own}");
        }
        assert!(!has_own_lock_file(Path::new("/nowhere")));
    }
}
