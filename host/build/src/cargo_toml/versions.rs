//! The version of a package, compared with that of the plugin.

use host_core::TreePath;
use host_core::manifest::{Manifest, Problem};
use host_store::Tree;
use semver::Version;
use toml::Value;

use super::workspace::workspace_of;
use super::{MAX_BYTES, Read, at, in_folder, parse};

/// A warning if the version in Cargo.toml is not the version in plugin.yaml. Without a readable version in Cargo.toml,
/// there is none: the build reports the reason, or the package has no version.
pub fn version_difference(tree: &Tree, manifest: &Manifest) -> Option<Problem> {
    let base = tree.folder().map(TreePath::as_str).unwrap_or_default();
    let whole = tree.whole();
    let read = |path: &str| {
        let path: TreePath = path.parse().ok()?;
        whole.files().iter().any(|file| file.path == path).then(|| whole.read(&path, MAX_BYTES))
    };
    let found = version_of(&read, base)?;
    if found == manifest.version {
        return None;
    }
    let text = tree.manifest_text().ok()?;
    let line = text.split(|byte| *byte == b'\n').position(|line| line.starts_with(b"version:"));
    Some(Problem {
        line: line.map_or(0, |line| line + 1),
        field: "version".to_owned(),
        rule: format!("differs from the version {found} in Cargo.toml; the host uses that of plugin.yaml"),
        found: manifest.version.to_string(),
    })
}

/// The version of the package in the folder `base`, which its workspace may define.
fn version_of(read: Read<'_>, base: &str) -> Option<Version> {
    let root = parse(read, &in_folder(base, "Cargo.toml")).ok()??;
    let version = at(&root, "package", "version")?;
    let is_inherited = version.get("workspace").and_then(Value::as_bool) == Some(true);
    if !is_inherited {
        return version.as_str()?.parse().ok();
    }
    let workspace = workspace_of(read, base, &root).ok()??;
    let root = parse(read, &in_folder(&workspace, "Cargo.toml")).ok()??;
    root.get("workspace")?.get("package")?.get("version")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_package_or_of_its_workspace() {
        let inherits = "[package]\nname = \"x\"\nversion.workspace = true\n";
        let shared = "[workspace]\nmembers = [\"*\"]\n[workspace.package]\nversion = \"2.0.0\"\n";
        for (base, files, expected) in [
            ("", vec![("Cargo.toml", "[package]\nversion = \"1.2.0\"\n")], Some("1.2.0")),
            ("", vec![("Cargo.toml", "[package]\nname = \"x\"\n")], None),
            ("", vec![("Cargo.toml", "[package\n")], None),
            ("", vec![("Cargo.toml", inherits)], None),
            ("", vec![], None),
            ("a", vec![("a/Cargo.toml", inherits), ("Cargo.toml", shared)], Some("2.0.0")),
            ("a", vec![("a/Cargo.toml", inherits)], None),
        ] {
            let read = |path: &str| {
                let file = files.iter().find(|(name, _)| *name == path);
                file.map(|(_, text)| Ok(text.as_bytes().to_vec()))
            };
            assert_eq!(version_of(&read, base).map(|version| version.to_string()).as_deref(), expected, "{files:?}");
        }
    }
}
