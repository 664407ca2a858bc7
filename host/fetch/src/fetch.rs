//! The entry point: selects the fetch function for a source and checks which files of this machine may be read.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use host_core::{Source, TreePath, Trust};
use host_store::{Store, Tree};

use crate::near::{near, or_here};
use crate::zip::ArchiveLimits;
use crate::{Config, Error, Fetched, folder, git, lfs_pointers, zip};

/// Makes a tree of `source`.
///
/// Setting `cancelled` ends the fetch with [`Error::Cancelled`], within a fraction of a second while data flows or is
/// waited for, and within the 5 s of a connection attempt otherwise.
///
/// # Errors
/// [`Error`]. In every case the store is unchanged.
pub fn fetch(
    store: &Store,
    config: &Config,
    source: &Source,
    trust: Trust,
    cancelled: &Arc<AtomicBool>,
) -> Result<Fetched, Error> {
    let whole = fetch_place(store, config, source, trust, cancelled)?;
    let tree = select(&whole.tree, &format!("`{}`", source.place()), source.path())?;
    lfs_pointers::refuse_pointers(&tree, || match source.place() {
        Source::Git { url, .. } => lfs_pointers::hint_for_repository(config, url),
        _ => lfs_pointers::HINT.to_owned(),
    })?;
    Ok(Fetched { tree, ..whole }.with_warnings_about_code())
}

/// Checks that a caller may read the place of a source. Nothing is read there. Blocks.
///
/// # Errors
/// [`Error::OutsideRoots`]. [`fetch`] reports everything else.
pub fn check_place(config: &Config, source: &Source, trust: Trust) -> Result<(), Error> {
    let path = match source.place() {
        Source::Folder(path) | Source::Archive(path) => path,
        // As in `fetch`, a link at the end of the path is not followed.
        Source::Library(path) => or_here(path.parent().unwrap_or(path)),
        _ => return Ok(()),
    };
    match resolve(path, config, trust) {
        Err(error @ Error::OutsideRoots { .. }) => Err(error),
        _ => Ok(()),
    }
}

/// Returns the tree of a folder of `tree`, or the whole tree. `place` names the tree in the error.
///
/// # Errors
/// [`Error::NoFolder`], [`Error::LfsPointers`].
pub fn folder_of(tree: &Tree, place: &str, folder: Option<&TreePath>) -> Result<Tree, Error> {
    let tree = select(tree, place, folder)?;
    lfs_pointers::refuse_pointers(&tree, || lfs_pointers::HINT.to_owned())?;
    Ok(tree)
}

fn select(tree: &Tree, place: &str, folder: Option<&TreePath>) -> Result<Tree, Error> {
    let Some(folder) = folder else { return Ok(tree.clone()) };
    // A fetch without a path removes a single folder at the top from all paths, so a path may leave it out, too.
    let below_top = || tree.below(&format!("{}/{folder}", single_top(tree)?).parse().ok()?);
    tree.below(folder).or_else(below_top).ok_or_else(|| Error::NoFolder {
        place: place.to_owned(),
        path: folder.clone(),
        found: folders_with_manifests(tree, folder),
    })
}

/// Returns the single folder at the top that contains all files of the tree.
fn single_top(tree: &Tree) -> Option<&str> {
    let mut tops = tree.files().iter().map(|file| file.path.as_str().split_once('/').map(|(top, _)| top));
    let top = tops.next().flatten()?;
    tops.all(|other| other == Some(top)).then_some(top)
}

/// Makes a tree of the whole repository, folder, file or upload of `source`, also if the plugin is in a folder of it.
fn fetch_place(
    store: &Store,
    config: &Config,
    source: &Source,
    trust: Trust,
    cancelled: &Arc<AtomicBool>,
) -> Result<Fetched, Error> {
    // The path to the plugin starts at the root of the repository or folder, so its single top-level folder counts.
    let keeps_top = source.path().is_some();
    match source.place() {
        Source::Inside { .. } => unreachable!("a place is never inside another source"),
        Source::Git { url, revision, .. } => {
            git::fetch(store, config, url, revision, source.tag_rule(), keeps_top, cancelled)
        }
        Source::Folder(path) => {
            let folder = resolve(path, config, trust)?;
            if !keeps_top && folder.is_dir() {
                refuse_inner_folder(&folder, config, trust)?;
            }
            folder::folder(store, &folder, keeps_top, cancelled)
        }
        Source::Archive(path) => zip::unpack(store, &config.archive, &resolve(path, config, trust)?),
        Source::Library(path) => {
            // The folder is resolved, not the file, so that a link at the end of the path is noticed and refused.
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                return Err(Error::not_a_file(path));
            };
            let parent = resolve(or_here(parent), config, trust)?;
            let tree = folder::library(store, &parent, name).map_err(|error| with_near(error, config, trust))?;
            Ok(Fetched::from_tree(tree, vec![]))
        }
        Source::Upload(id) => {
            let upload = store.upload(id)?.ok_or_else(|| Error::NoSuchUpload { id: id.clone() })?;
            Ok(Fetched::from_tree(upload.tree, upload.warnings))
        }
    }
}

/// The remedy for a folder that a source does not have: the folders with a plugin.yaml.
fn folders_with_manifests(tree: &Tree, wanted: &TreePath) -> String {
    if is_submodule(tree, wanted) {
        return "it is a git submodule: run `git submodule update --init`".to_owned();
    }
    let mut is_at_root = false;
    let mut folders = vec![];
    for file in tree.files() {
        match file.path.as_str().rsplit_once('/') {
            Some((folder, "plugin.yaml" | "plugin.yml")) => folders.push(folder),
            None if is_manifest(file.path.as_str()) => is_at_root = true,
            _ => {}
        }
    }
    let without_top = wanted.as_str().split_once('/').map(|(_, rest)| rest);
    if let Some(folder) = folders.iter().find(|folder| Some(**folder) == without_top) {
        return format!("a single folder at the top of an archive is left out: use `{folder}`");
    }
    match &*folders {
        _ if is_at_root => "its root has a plugin.yaml: leave `path` out".to_owned(),
        [] => "no folder has a plugin.yaml; add one".to_owned(),
        folders => format!("these folders have a plugin.yaml: {}", host_core::shown_list(folders.iter().copied(), 5)),
    }
}

/// Returns whether the folder, or one above it, is a submodule. A folder has none of its files until git fetches them.
fn is_submodule(tree: &Tree, wanted: &TreePath) -> bool {
    /// Larger than any real file.
    const MAX_BYTES: u64 = 64 << 10;
    let file = ".gitmodules".parse().ok();
    let Some(Ok(text)) = file.map(|file: TreePath| tree.read(&file, MAX_BYTES)) else { return false };
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut paths = text.lines().filter_map(|line| line.trim().strip_prefix("path")?.trim_start().strip_prefix('='));
    paths.any(|path| {
        let rest = wanted.as_str().strip_prefix(path.trim());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

fn is_manifest(name: &str) -> bool {
    matches!(name, "plugin.yaml" | "plugin.yml")
}

/// Refuses a folder that is inside the folder of a plugin and has no manifest, nor one in a folder of it.
fn refuse_inner_folder(path: &Path, config: &Config, trust: Trust) -> Result<(), Error> {
    /// How far above its folder a plugin is looked for.
    const MAX_LEVELS: usize = 3;
    let has_manifest = |folder: &Path| ["plugin.yaml", "plugin.yml"].iter().any(|name| folder.join(name).is_file());
    // A client must not learn which files there are elsewhere.
    let allowed = |folder: &Path| trust == Trust::CommandLine || roots(config).any(|root| folder.starts_with(root));
    let mut above = path.ancestors().skip(1).take(MAX_LEVELS);
    let Some(plugin) = above.find(|folder| allowed(folder) && has_manifest(folder)) else { return Ok(()) };
    // An error is reported when the folder is copied.
    let inner = fs::read_dir(path).into_iter().flatten().flatten();
    if has_manifest(path) || inner.map(|entry| entry.path()).any(|inner| has_manifest(&inner)) {
        return Ok(());
    }
    Err(Error::InsidePlugin { path: path.to_owned(), plugin: plugin.to_owned() })
}

/// Makes a tree of an archive that was uploaded.
///
/// # Errors
/// [`Error::Zip`] with the violated rule; the store is unchanged.
pub fn unpack(store: &Store, limits: &ArchiveLimits, archive: &Path) -> Result<Fetched, Error> {
    zip::unpack(store, limits, archive)
}

/// The path without links and dots, if the caller may read there.
fn resolve(path: &Path, config: &Config, trust: Trust) -> Result<PathBuf, Error> {
    let outside = || Error::OutsideRoots { path: path.to_owned() };
    let resolved = fs::canonicalize(path).map_err(|source| {
        // A client must not learn which files there are elsewhere.
        if trust == Trust::Http && !lies_below_by_name(path, config) {
            return outside();
        }
        with_near(Error::of_path("resolve", path, source), config, trust)
    })?;
    if is_readable(&resolved, config, trust) { Ok(resolved) } else { Err(outside()) }
}

/// Returns whether the caller may read at a path without links.
fn is_readable(resolved: &Path, config: &Config, trust: Trust) -> bool {
    match trust {
        Trust::CommandLine => true,
        Trust::Http => roots(config).any(|root| resolved.starts_with(root)),
    }
}

/// Completes the error of a missing path with a path of nearly the same name, if the caller may read their folder.
fn with_near(error: Error, config: &Config, trust: Trust) -> Error {
    let Error::NothingThere { path, .. } = error else { return error };
    let folder = path.parent().and_then(|parent| fs::canonicalize(or_here(parent)).ok());
    let is_visible = folder.is_some_and(|folder| is_readable(&folder, config, trust));
    let link = fs::read_link(&path).ok().filter(|_| is_visible);
    let near = if is_visible && link.is_none() { near(&path) } else { None };
    Error::NothingThere { path, near, link }
}

fn roots(config: &Config) -> impl Iterator<Item = PathBuf> {
    config.source_roots.iter().filter_map(|root| fs::canonicalize(root).ok())
}

fn lies_below_by_name(path: &Path, config: &Config) -> bool {
    let Ok(path) = std::path::absolute(path) else { return false };
    let climbs = path.components().any(|part| part == std::path::Component::ParentDir);
    !climbs && config.source_roots.iter().chain(&roots(config).collect::<Vec<_>>()).any(|root| path.starts_with(root))
}
