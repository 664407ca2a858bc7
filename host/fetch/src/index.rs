//! The text of a plugin index: a file of a repository, of a folder, or a single file.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use host_core::index::Index;
use host_core::{Source, TreePath};
use host_store::{Store, Tree};

use crate::open::open_file;
use crate::{Config, Error, GitAccess, git};

/// The names of index files; the first existing file is used.
const NAMES: [&str; 3] = ["plugins.json", "index.yaml", "index.yml"];
/// The maximum transfer of a repository with an index, which is small.
const MAX_GIT_BYTES: u64 = 16 << 20;
const TIMEOUT: Duration = Duration::from_secs(20);

/// The text of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexText {
    /// At most [`Index::MAX_BYTES`].
    pub bytes: Vec<u8>,
    /// Whether it is JSON instead of YAML.
    pub is_json: bool,
    /// Its commit, if it comes from a repository.
    pub commit: Option<String>,
}

/// Reads an index. The operator configures its location, so a path may point anywhere; a repository is subject to the
/// rules of plugin repositories, with less time and fewer bytes. Blocks. The tree of a repository stays in the store
/// until it is swept.
///
/// # Errors
/// [`Error::NoIndex`], [`Error::IndexTooLarge`], and the errors of [`fetch`](crate::fetch).
pub fn read_index(
    store: &Store,
    config: &Config,
    place: &Source,
    cancelled: &Arc<AtomicBool>,
) -> Result<IndexText, Error> {
    match place {
        Source::Git { url, revision, .. } => {
            let (max_git_bytes, timeout) = (config.max_git_bytes.min(MAX_GIT_BYTES), config.timeout.min(TIMEOUT));
            let git = config.git.iter().cloned().map(|access| GitAccess { lfs: false, ..access }).collect();
            let config = Config { max_git_bytes, timeout, git, ..config.clone() };
            let fetched = git::fetch(store, &config, url, revision, place.tag_rule(), false, cancelled)?;
            let (bytes, is_json) = of_tree(&fetched.tree, place)?;
            Ok(IndexText { bytes, is_json, commit: fetched.commit })
        }
        Source::Folder(path) | Source::Archive(path) | Source::Library(path) => {
            let (bytes, is_json) = of_path(path, place)?;
            Ok(IndexText { bytes, is_json, commit: None })
        }
        Source::Upload(_) | Source::Inside { .. } => Err(Error::NoIndex { place: place.to_string() }),
    }
}

fn of_tree(tree: &Tree, place: &Source) -> Result<(Vec<u8>, bool), Error> {
    let is_there = |name: &&str| tree.files().iter().any(|file| file.path.as_str() == *name);
    let name = NAMES.iter().find(|name| is_there(name)).ok_or_else(|| Error::NoIndex { place: place.to_string() })?;
    let path: TreePath = name.parse()?;
    let bytes = tree.read(&path, Index::MAX_BYTES as u64)?;
    Ok((bytes, is_json(Path::new(name))))
}

fn of_path(path: &Path, place: &Source) -> Result<(Vec<u8>, bool), Error> {
    let path = if path.is_dir() {
        let named = NAMES.iter().map(|name| path.join(name)).find(|path| path.exists());
        named.ok_or_else(|| Error::NoIndex { place: place.to_string() })?
    } else {
        path.to_owned()
    };
    let file = open_file(&path)?;
    let mut bytes = vec![];
    let read = file.take(Index::MAX_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|source| Error::of_path("read", &path, source))?;
    if bytes.len() > Index::MAX_BYTES {
        return Err(Error::IndexTooLarge { place: place.to_string(), max_bytes: Index::MAX_BYTES });
    }
    Ok((bytes, is_json(&path)))
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}
