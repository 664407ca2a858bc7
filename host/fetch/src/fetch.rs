//! The entry point: selects the station for a source and defines what may be fetched.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use host_core::{Source, Trust};
use host_store::{Store, Tree};

use crate::zip::ArchiveLimits;
use crate::{Error, folder, git, zip};

/// Rules and limits for fetching.
#[derive(Clone, Debug)]
pub struct Config {
    /// Mirrors, from which repositories are fetched instead of their own address. May be in a private network.
    pub mirrors: Vec<Mirror>,
    /// Allowed repositories, as `host[:port]/path` with `*` for any characters within a part, and `**` at the end for
    /// one or more parts. Empty: any repository on port 443 of a public host.
    pub allowed_repositories: Vec<String>,
    /// Folders that the management API may name sources below.
    pub source_roots: Vec<PathBuf>,
    /// The total time limit for a repository.
    pub timeout: Duration,
    /// The time limit without data from a server.
    pub stall_timeout: Duration,
    /// Most bytes that a server may send for one repository.
    pub max_git_bytes: u64,
    /// The limits of archives.
    pub archive: ArchiveLimits,
}

impl Default for Config {
    /// No mirrors, any public repository, no folders over HTTP; 120 s, 10 s of silence, 64 MiB.
    fn default() -> Config {
        Config {
            mirrors: Vec::new(),
            allowed_repositories: Vec::new(),
            source_roots: Vec::new(),
            timeout: Duration::from_secs(120),
            stall_timeout: Duration::from_secs(10),
            max_git_bytes: 64 << 20,
            archive: ArchiveLimits::default(),
        }
    }
}

/// Repositories whose address starts with `prefix` are fetched from `base` plus the rest of the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// For example `https://github.com/`.
    pub prefix: String,
    /// For example `http://127.0.0.1:9000/`.
    pub base: String,
}

/// A tree with its commit.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The files.
    pub tree: Tree,
    /// The git commit, 40 hex digits, when the source is a repository.
    pub commit: Option<String>,
    /// The branch or tag that led to the commit, such as `refs/tags/v1.0.0`; `None` for a commit id.
    pub reference: Option<String>,
    /// The files of the source that are not in the tree, and why.
    pub warnings: Vec<String>,
    /// The files of a folder that its `.gitignore` files exclude.
    pub notes: Vec<String>,
}

impl Fetched {
    /// A tree that does not come from a repository, with the warnings about files that are not in it.
    pub fn from_tree(tree: Tree, warnings: Vec<String>) -> Fetched {
        Fetched { tree, commit: None, reference: None, warnings, notes: vec![] }
    }
}

/// Makes a tree of `source`.
///
/// Setting `cancelled` ends it with [`Error::Cancelled`], within a fraction of a second while data flows or is
/// waited for, and within the 5 s of a connection attempt otherwise.
///
/// # Errors
/// See [`Error`]; in every case the store is as it was.
pub fn fetch(
    store: &Store,
    config: &Config,
    source: &Source,
    trust: Trust,
    cancelled: &Arc<AtomicBool>,
) -> Result<Fetched, Error> {
    if let Some(folder) = source.path() {
        let whole = fetch_place(store, config, source, trust, cancelled)?;
        let tree = whole.tree.below(folder).ok_or_else(|| Error::NoFolder {
            place: source.place().to_string(),
            path: folder.clone(),
            found: folders_with_manifests(&whole.tree),
        })?;
        return Ok(Fetched { tree, ..whole });
    }
    fetch_place(store, config, source, trust, cancelled)
}

/// Makes a tree of the repository, folder, file or upload of `source`, whatever folder of it is the plugin.
fn fetch_place(
    store: &Store,
    config: &Config,
    source: &Source,
    trust: Trust,
    cancelled: &Arc<AtomicBool>,
) -> Result<Fetched, Error> {
    match source.place() {
        Source::Inside { .. } => unreachable!("a place is never inside another source"),
        Source::Git { url, revision, .. } => git::fetch(store, config, url, revision, source.tag_rule(), cancelled),
        Source::Folder(path) => folder::folder(store, &resolve(path, config, trust)?, cancelled),
        Source::Archive(path) => zip::unpack(store, &config.archive, &resolve(path, config, trust)?),
        Source::Library(path) => {
            // The folder is resolved, not the file, so that a link at the end of the path is noticed and refused.
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                return Err(Error::NotAFile { path: path.clone() });
            };
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            let tree = folder::library(store, &resolve(parent, config, trust)?, name)?;
            Ok(Fetched::from_tree(tree, vec![]))
        }
        Source::Upload(id) => {
            let upload = store.upload(id)?.ok_or_else(|| Error::NoSuchUpload { id: id.clone() })?;
            Ok(Fetched::from_tree(upload.tree, upload.warnings))
        }
    }
}

/// The folders with a plugin.yaml, in one sentence.
fn folders_with_manifests(tree: &Tree) -> String {
    let folders = tree.files().iter().filter_map(|file| {
        let (folder, name) = file.path.as_str().rsplit_once('/')?;
        matches!(name, "plugin.yaml" | "plugin.yml").then(|| format!("`{folder}`"))
    });
    let folders: Vec<_> = folders.take(5).collect();
    match &*folders {
        [] => "no folder has a plugin.yaml".to_owned(),
        folders => format!("these folders have a plugin.yaml: {}", folders.join(", ")),
    }
}

/// Makes a tree of an archive that was uploaded.
///
/// # Errors
/// [`Error::Zip`] with the rule that it breaks; the store is as it was.
pub fn unpack(store: &Store, limits: &ArchiveLimits, archive: &Path) -> Result<Fetched, Error> {
    zip::unpack(store, limits, archive)
}

/// The path without links and dots, if the caller may read there.
fn resolve(path: &Path, config: &Config, trust: Trust) -> Result<PathBuf, Error> {
    let outside = || Error::OutsideRoots { path: path.to_owned() };
    let resolved = fs::canonicalize(path).map_err(|source| {
        // A client must not learn which files there are elsewhere.
        if trust == Trust::Http && !lies_below_by_name(path, config) {
            outside()
        } else {
            Error::of_path("resolve", path, source)
        }
    })?;
    let allowed = match trust {
        Trust::CommandLine => true,
        Trust::Http => roots(config).any(|root| resolved.starts_with(root)),
    };
    if allowed { Ok(resolved) } else { Err(outside()) }
}

fn roots(config: &Config) -> impl Iterator<Item = PathBuf> {
    config.source_roots.iter().filter_map(|root| fs::canonicalize(root).ok())
}

fn lies_below_by_name(path: &Path, config: &Config) -> bool {
    let Ok(path) = std::path::absolute(path) else { return false };
    let climbs = path.components().any(|part| part == std::path::Component::ParentDir);
    !climbs && config.source_roots.iter().chain(&roots(config).collect::<Vec<_>>()).any(|root| path.starts_with(root))
}
