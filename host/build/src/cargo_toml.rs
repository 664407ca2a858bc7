//! Checks of a plugin's Cargo.toml before cargo runs.

mod dependencies;
mod profile;
mod sdk_dependency;
#[cfg(test)]
mod tests;
mod versions;
mod workspace;

use std::collections::{BTreeSet, VecDeque};

use host_core::TreePath;
use host_store::Tree;
use semver::Version;
use toml::{Table, Value};

pub use versions::version_difference;
pub use workspace::has_own_lock_file;

use crate::Error;
use dependencies::paths_of;
pub(crate) use profile::Profiles;
use workspace::workspace_of;

/// The maximum size of a Cargo.toml, larger than any real file.
const MAX_BYTES: u64 = 1024 * 1024;

/// The crate that is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// The argument of `--package`.
    pub(crate) name: String,
    /// The name of its library.
    pub(crate) library: String,
    /// Whether it already has a workspace.
    pub(crate) has_workspace: bool,
    /// The folder of the package in the tree; empty for the root.
    pub(crate) folder: String,
    /// The folder of its workspace, or else of the package itself; empty for the root.
    pub(crate) root: String,
    /// The settings that make cargo compile the SDK again.
    pub(crate) profiles: Profiles,
}

impl Package {
    /// The path of its Cargo.toml in the tree.
    pub(crate) fn manifest(&self) -> String {
        in_folder(&self.folder, "Cargo.toml")
    }

    /// The path of its Cargo.lock in the tree.
    pub(crate) fn lock_file(&self) -> String {
        in_folder(&self.root, "Cargo.lock")
    }
}

fn in_folder(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Returns whether the tree has a crate at its root.
pub(crate) fn is_in(tree: &Tree) -> bool {
    tree.files().iter().any(|file| file.path.as_str() == "Cargo.toml")
}

/// Checks the Cargo.toml at the root and all manifests that cargo reads with it. If the tree is the part of a larger
/// tree below a folder, these may be anywhere in the larger one.
pub(crate) fn check(tree: &Tree, sdk: &Version) -> Result<Package, Error> {
    let base = tree.folder().map(TreePath::as_str).unwrap_or_default();
    let tree = tree.whole();
    check_files(
        &|path| {
            let path: TreePath = path.parse().ok()?;
            tree.files().iter().any(|file| file.path == path).then(|| tree.read(&path, MAX_BYTES))
        },
        &tree.files().iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
        base,
        sdk,
    )
}

/// Reads a file of the tree; `None` if it does not exist.
type Read<'a> = &'a dyn Fn(&str) -> Option<Result<Vec<u8>, host_store::Error>>;

fn check_files(read: Read<'_>, files: &[&str], base: &str, sdk: &Version) -> Result<Package, Error> {
    let refuse = |path: &str, problem: String| Error::CargoToml { path: path.to_owned(), line: 0, problem };
    let manifest = in_folder(base, "Cargo.toml");
    let root = parse(read, &manifest)?.ok_or_else(|| refuse(&manifest, "it is missing".to_owned()))?;
    let Some(name) = at(&root, "package", "name").and_then(Value::as_str) else {
        return Err(refuse(&manifest, no_package(files, base)));
    };
    if !makes_cdylib(&root) {
        return Err(Error::NotCdylib);
    }
    sdk_dependency::check(&manifest, &root, sdk)?;
    let mut profiles = Profiles::read(&root);

    let workspace = workspace_of(read, base, &root)?;
    // Without a workspace cargo reads the dependencies; with one, also its members, which are given as patterns.
    let mut to_read = VecDeque::from([base.to_owned()]);
    if let Some(workspace) = &workspace {
        if workspace != base
            && let path = in_folder(workspace, "Cargo.toml")
            && let Some(table) = parse(read, &path)?
        {
            sdk_dependency::check(&path, &table, sdk)?;
            profiles = Profiles::read(&table);
        }
        to_read.push_back(workspace.clone());
        let below = in_folder(workspace, "");
        let manifests = files.iter().filter_map(|file| file.strip_suffix("/Cargo.toml"));
        to_read.extend(manifests.filter(|folder| folder.starts_with(&below)).map(str::to_owned));
    }
    let mut seen = BTreeSet::new();
    while let Some(folder) = to_read.pop_front() {
        let path = in_folder(&folder, "Cargo.toml");
        if !seen.insert(folder.clone()) {
            continue;
        }
        let table = match parse(read, &path) {
            Ok(Some(table)) => table,
            // cargo reports it with more context if it needs the file; it never reads one among test data.
            Ok(None) | Err(Error::CargoToml { .. }) => continue,
            Err(error) => return Err(error),
        };
        for (key, target) in paths_of(&table) {
            match inside(&folder, &target) {
                Some(inside) => to_read.push_back(inside),
                None => return Err(Error::PathOutside { manifest: path, key, path: target }),
            }
        }
    }
    let has_workspace = workspace.is_some();
    let (folder, root_folder) = (base.to_owned(), workspace.unwrap_or_else(|| base.to_owned()));
    let library = at(&root, "lib", "name").and_then(Value::as_str).unwrap_or(name).replace('-', "_");
    Ok(Package { name: name.to_owned(), library, has_workspace, folder, root: root_folder, profiles })
}

/// The problem of a Cargo.toml without a package, with the folders that a plugin may be in.
fn no_package(files: &[&str], base: &str) -> String {
    let below = in_folder(base, "");
    let folders_with = |names: &[&str]| -> Vec<&str> {
        let split = files.iter().filter_map(|file| file.strip_prefix(&*below)?.rsplit_once('/'));
        split.filter(|(_, name)| names.contains(name)).map(|(folder, _)| folder).collect()
    };
    let plugins = folders_with(&["plugin.yaml", "plugin.yml"]);
    let hint = match (plugins.first(), folders_with(&["Cargo.toml"])) {
        (Some(first), _) => format!(
            "{} a plugin.yaml: `load` with --path {}",
            if plugins.len() == 1 { format!("`{first}/` has") } else { format!("{} have", shown(&plugins)) },
            in_folder(base, first)
        ),
        (None, packages) if !packages.is_empty() => format!(
            "move plugin.yaml into the folder of the package that is the plugin ({}), and `load` with --path FOLDER",
            shown(&packages)
        ),
        (None, _) => "write `name = \"…\"` under `[package]`".to_owned(),
    };
    format!("it has no `package.name`; hint: {hint}")
}

fn shown(folders: &[&str]) -> String {
    host_core::shown_list(folders.iter().copied(), 5)
}

fn parse(read: Read<'_>, path: &str) -> Result<Option<Table>, Error> {
    let refuse = |line, problem| Error::CargoToml { path: path.to_owned(), line, problem };
    let Some(bytes) = read(path).transpose()? else { return Ok(None) };
    let text = std::str::from_utf8(&bytes).map_err(|_| refuse(0, "it is not UTF-8".to_owned()))?;
    text.parse().map(Some).map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(0, |before| 1 + before.matches('\n').count());
        let message = error.message().trim_end().replace('\n', ", ");
        refuse(line, format!("{message}; hint: correct the line; `cargo metadata --no-deps` checks the file"))
    })
}

fn at<'a>(table: &'a Table, key: &str, inner: &str) -> Option<&'a Value> {
    table.get(key)?.get(inner)
}

fn makes_cdylib(root: &Table) -> bool {
    let kinds = at(root, "lib", "crate-type").or_else(|| at(root, "lib", "crate_type"));
    let kinds = kinds.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    kinds.iter().any(|kind| kind.as_str() == Some("cdylib"))
}

/// Resolves `path` from `folder`, both inside the tree; `None` if it leads outside.
fn inside(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
