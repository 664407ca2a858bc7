//! Checks of a plugin's Cargo.toml before cargo runs.

use std::collections::{BTreeSet, VecDeque};
use std::path::Path;

use host_core::TreePath;
use host_store::Tree;
use semver::{Version, VersionReq};
use toml::{Table, Value};

use crate::Error;

/// Larger than any real Cargo.toml.
const MAX_BYTES: u64 = 1024 * 1024;
const TABLES: [&str; 5] =
    ["dependencies", "dev-dependencies", "dev_dependencies", "build-dependencies", "build_dependencies"];

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
    let refuse = |path: &str, problem: String| Error::CargoToml { path: path.to_owned(), problem };
    let manifest = in_folder(base, "Cargo.toml");
    let root = parse(read, &manifest)?.ok_or_else(|| refuse(&manifest, "it is missing".to_owned()))?;
    let Some(name) = at(&root, "package", "name").and_then(Value::as_str) else {
        return Err(refuse(&manifest, "it has no `package.name`; a plugin is one package at the root".to_owned()));
    };
    if !makes_cdylib(&root) {
        return Err(Error::NotCdylib);
    }
    check_sdk(&root, sdk)?;

    let workspace = workspace_of(read, base, &root)?;
    // Without a workspace cargo reads the dependencies; with one, also its members, which are given as patterns.
    let mut to_read = VecDeque::from([base.to_owned()]);
    if let Some(workspace) = &workspace {
        if workspace != base
            && let Some(table) = parse(read, &in_folder(workspace, "Cargo.toml"))?
        {
            check_sdk(&table, sdk)?;
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
    Ok(Package { name: name.to_owned(), library, has_workspace, folder, root: root_folder })
}

/// The folder of the workspace that the package belongs to: its own, the workspace that it names, or the nearest
/// workspace above it that does not exclude it.
fn workspace_of(read: Read<'_>, base: &str, root: &Table) -> Result<Option<String>, Error> {
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

fn parse(read: Read<'_>, path: &str) -> Result<Option<Table>, Error> {
    let refuse = |problem| Error::CargoToml { path: path.to_owned(), problem };
    let Some(bytes) = read(path).transpose()? else { return Ok(None) };
    let text = std::str::from_utf8(&bytes).map_err(|_| refuse("it is not UTF-8".to_owned()))?;
    text.parse().map(Some).map_err(|error: toml::de::Error| refuse(error.to_string().trim_end().replace('\n', " ")))
}

fn at<'a>(table: &'a Table, key: &str, inner: &str) -> Option<&'a Value> {
    table.get(key)?.get(inner)
}

fn makes_cdylib(root: &Table) -> bool {
    let kinds = at(root, "lib", "crate-type").or_else(|| at(root, "lib", "crate_type"));
    let kinds = kinds.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    kinds.iter().any(|kind| kind.as_str() == Some("cdylib"))
}

/// Refuses a plugin with another SDK version here, because cargo would only report that it found none.
fn check_sdk(root: &Table, offered: &Version) -> Result<(), Error> {
    for (_, name, dependency) in dependencies(root) {
        let package = dependency.get("package").and_then(Value::as_str).unwrap_or(name);
        let is_elsewhere = ["path", "git", "registry"].iter().any(|key| dependency.get(key).is_some());
        if package != "plugin-sdk" || is_elsewhere {
            continue;
        }
        let wanted = dependency.as_str().or_else(|| dependency.get("version").and_then(Value::as_str));
        if let Some(Ok(wanted)) = wanted.map(VersionReq::parse)
            && !wanted.matches(offered)
        {
            return Err(Error::SdkVersion { wanted, offered: offered.clone() });
        }
    }
    Ok(())
}

/// All dependencies of a Cargo.toml: table, key and value of each.
fn dependencies(root: &Table) -> Vec<(String, &str, &Value)> {
    let mut tables: Vec<(String, Option<&Value>)> = Vec::new();
    tables.extend(TABLES.map(|name| (name.to_owned(), root.get(name))));
    tables.push(("workspace.dependencies".to_owned(), at(root, "workspace", "dependencies")));
    tables.push(("replace".to_owned(), root.get("replace")));
    for (target, table) in entries(root.get("target")) {
        tables.extend(TABLES.map(|name| (format!("target.{target}.{name}"), table.get(name))));
    }
    for (registry, table) in entries(root.get("patch")) {
        tables.push((format!("patch.{registry}"), Some(table)));
    }
    let named = |(name, table)| entries(table).map(move |(key, value)| (String::clone(&name), key.as_str(), value));
    tables.into_iter().flat_map(named).collect()
}

fn entries(table: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    table.and_then(Value::as_table).into_iter().flatten()
}

/// Every path in a Cargo.toml that cargo follows: its key and value.
fn paths_of(root: &Table) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (table, name, dependency) in dependencies(root) {
        if let Some(path) = dependency.get("path").and_then(Value::as_str) {
            found.push((format!("{table}.{name}.path"), path.to_owned()));
        }
    }
    for (table, key) in [("package", "workspace"), ("package", "build"), ("lib", "path")] {
        if let Some(path) = at(root, table, key).and_then(Value::as_str) {
            found.push((format!("{table}.{key}"), path.to_owned()));
        }
    }
    found
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

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "[package]\nname = \"x\"\n[lib]\ncrate-type = [\"cdylib\", \"rlib\"]\n";

    fn check(files: &[(&str, &str)]) -> String {
        check_in("", files)
    }

    fn check_in(base: &str, files: &[(&str, &str)]) -> String {
        let read = |path: &str| {
            let file = files.iter().find(|(name, _)| *name == path);
            file.map(|(_, text)| Ok(text.as_bytes().to_vec()))
        };
        let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        match check_files(&read, &names, base, &Version::new(0, 1, 3)) {
            Ok(package) if package.has_workspace && package.root != base => {
                format!("{} in the workspace `{}`", package.name, package.root)
            }
            Ok(package) if package.has_workspace => format!("{} in a workspace", package.name),
            Ok(package) => package.name,
            Err(error) => format!("{}: {error}", error.code()),
        }
    }

    fn check_root(rest: &str) -> String {
        check(&[("Cargo.toml", &format!("{HEAD}{rest}"))])
    }

    #[test]
    fn a_package_in_a_folder_belongs_to_the_workspace_above_it() {
        let plugin = ("plugins/a/Cargo.toml", HEAD);
        let in_a = |files: &[(&str, &str)]| check_in("plugins/a", &[&[plugin], files].concat());
        assert_eq!(in_a(&[]), "x");
        assert_eq!(in_a(&[("Cargo.toml", "[package]\nname = \"y\"\n")]), "x");
        assert_eq!(in_a(&[("Cargo.toml", "[workspace]\nmembers = [\"plugins/*\"]")]), "x in the workspace ``");
        assert_eq!(in_a(&[("plugins/Cargo.toml", "[workspace]")]), "x in the workspace `plugins`");
        assert_eq!(in_a(&[("Cargo.toml", "[workspace]\nexclude = [\"plugins\"]")]), "x");
        let shared = "[workspace.dependencies]\nplugin-sdk = \"9\"\n";
        assert!(in_a(&[("Cargo.toml", shared)]).starts_with("build_sdk_version: "));
        let outside = "[workspace]\n[workspace.dependencies]\ny = { path = \"../y\" }\n";
        assert!(in_a(&[("Cargo.toml", outside)]).starts_with("build_path_outside: "));
        assert_eq!(in_a(&[("Cargo.toml", "[workspace]"), ("common/Cargo.toml", "[package]")]), "x in the workspace ``");
    }

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

    #[test]
    fn a_plugin_is_one_package_that_makes_a_cdylib() {
        assert_eq!(check_root(""), "x");
        assert_eq!(check_root("[workspace]"), "x in a workspace");
        for (text, start) in [
            ("[workspace]\nmembers = [\"a\"]", "build_cargo_toml: `Cargo.toml`: it has no `package.name`"),
            ("name =", "build_cargo_toml: `Cargo.toml`: TOML parse error at line 1"),
            (
                "[package]\nname = \"x\"",
                "build_not_cdylib: the crate does not build a `cdylib`; hint: add the two lines",
            ),
            ("[package]\nname = \"x\"\n[lib]\ncrate-type = [\"dylib\"]", "build_not_cdylib"),
        ] {
            let found = check(&[("Cargo.toml", text)]);
            assert!(found.starts_with(start), "{found}");
        }
    }

    #[test]
    fn paths_stay_inside_the_plugin() {
        for inside in [
            "[dependencies]\na = { path = \"crates/a\" }",
            "[dependencies]\na = { path = \"./x/../crates/a/\" }",
            "[dependencies]\na = \"1\"\nb = { workspace = true }",
        ] {
            assert_eq!(check_root(inside), "x", "{inside}");
        }
        for (outside, key) in [
            ("[dependencies]\na = { path = \"../a\" }", "dependencies.a.path"),
            ("[dependencies.a]\npath = \"/srv/a\"", "dependencies.a.path"),
            ("[dependencies]\na.path = \"b/../../a\"", "dependencies.a.path"),
            ("[build-dependencies]\na = { path = \"..\" }", "build-dependencies.a.path"),
            ("[dev-dependencies]\na = { path = \"..\" }", "dev-dependencies.a.path"),
            ("[target.'cfg(unix)'.dependencies]\na = { path = \"..\" }", "target.cfg(unix).dependencies.a.path"),
            ("[workspace.dependencies]\na = { path = \"..\" }", "workspace.dependencies.a.path"),
            ("[patch.crates-io]\na = { path = \"..\" }", "patch.crates-io.a.path"),
            ("[replace]\n\"a:1.0.0\" = { path = \"..\" }", "replace.a:1.0.0.path"),
        ] {
            let found = check_root(outside);
            assert!(found.starts_with(&format!("build_path_outside: `Cargo.toml`: `{key}` is `")), "{found}");
        }
        let package = "[package]\nname = \"x\"\nworkspace = \"..\"\n[lib]\ncrate-type = [\"cdylib\"]";
        assert!(check(&[("Cargo.toml", package)]).starts_with("build_path_outside"));
    }

    #[test]
    fn every_manifest_that_cargo_reads_is_checked_and_no_other() {
        let out = "[dependencies]\nz = { path = \"../../z\" }";
        let with = |dependency: &str| format!("{HEAD}{dependency}");
        let named = with("[dependencies]\na = { path = \"a\" }");
        assert!(
            check(&[("Cargo.toml", &named), ("a/Cargo.toml", out)]).contains("`a/Cargo.toml`: `dependencies.z.path`")
        );
        assert_eq!(check(&[("Cargo.toml", HEAD), ("tests/data/Cargo.toml", "../../../x = [")]), "x");
        assert_eq!(check(&[("Cargo.toml", HEAD), ("a/Cargo.toml", out)]), "x");
        let workspace = with("[workspace]\nmembers = [\"*\"]");
        assert!(check(&[("Cargo.toml", &workspace), ("a/Cargo.toml", out)]).starts_with("build_path_outside"));
        let circle = "[dependencies]\nx = { path = \"..\" }";
        assert_eq!(check(&[("Cargo.toml", &named), ("a/Cargo.toml", circle)]), "x");
    }

    #[test]
    fn the_sdk_must_be_the_one_the_host_carries() {
        for good in ["\"0.1\"", "\"*\"", "{ version = \">=0.1, <1\" }", "{ path = \"sdk\" }", "{ workspace = true }"] {
            assert_eq!(check_root(&format!("[dependencies]\nplugin-sdk = {good}")), "x", "{good}");
        }
        for bad in [
            "[dependencies]\nplugin-sdk = \"0.2\"",
            "[dependencies]\nsdk = { package = \"plugin-sdk\", version = \"=0.1.2\" }",
            "[workspace.dependencies]\nplugin-sdk = \"1\"",
        ] {
            let found = check_root(bad);
            assert!(found.starts_with("build_sdk_version") && found.contains("plugin-sdk = \"0.1\""), "{found}");
        }
    }
}
