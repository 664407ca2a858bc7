//! Trees: checked copies of sources with limited size, named by their digests.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_core::{Digest, DigestWriter, TreePath};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::IoContext as _;
use crate::layout::make_dir;

/// The maximum number of bytes read from a manifest: one more than the limit, so that the reader notices a longer file.
const MAX_MANIFEST_READ: u64 = 64 * 1024 + 1;

/// A folder of regular files in the store, named by the digest of their names and contents. Cheap to clone.
/// [`Store::remove_unused`](crate::Store::remove_unused) does not remove the files of a tree that is in use.
#[derive(Clone, Debug)]
pub struct Tree(pub(crate) Arc<TreeInner>);

#[derive(Debug)]
pub(crate) struct TreeInner {
    pub(crate) digest: Digest,
    pub(crate) path: PathBuf,
    pub(crate) files: Vec<TreeFile>,
    /// The whole tree and the folder, if this is the part of a tree below a folder.
    pub(crate) part_of: Option<(Tree, TreePath)>,
}

/// One file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeFile {
    /// The path.
    pub path: TreePath,
    /// The size in bytes.
    pub bytes: u64,
    /// Whether it is executable.
    pub executable: bool,
    /// The digest of its content.
    pub digest: Digest,
}

impl Tree {
    /// The part of the tree below a folder: all paths start there. `None` if the folder has no files.
    ///
    /// Its digest is that of the whole tree, because only the whole tree is stored.
    pub fn below(&self, folder: &TreePath) -> Option<Tree> {
        let prefix = format!("{folder}/");
        let part = |file: &TreeFile| {
            let path = file.path.as_str().strip_prefix(&prefix)?.parse().ok()?;
            Some(TreeFile { path, ..file.clone() })
        };
        let files: Vec<_> = self.0.files.iter().filter_map(part).collect();
        let part_of = Some((self.clone(), folder.clone()));
        let path = self.0.path.join(folder.as_str());
        (!files.is_empty()).then(|| Tree(Arc::new(TreeInner { digest: self.0.digest, path, files, part_of })))
    }

    /// The whole tree.
    pub fn whole(&self) -> &Tree {
        self.0.part_of.as_ref().map_or(self, |(whole, _)| whole)
    }

    /// The folder in the whole tree; `None` for the whole tree itself.
    pub fn folder(&self) -> Option<&TreePath> {
        self.0.part_of.as_ref().map(|(_, folder)| folder)
    }

    /// The digest over the names, executable bits, lengths and contents of all files.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// The path of the folder, which must not be changed.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// All files, sorted by path.
    pub fn files(&self) -> &[TreeFile] {
        &self.0.files
    }

    /// Reads one file.
    ///
    /// # Errors
    /// [`Error::NoSuchFile`]; [`Error::FileTooLarge`] if the file has more than `max_bytes`.
    pub fn read(&self, path: &TreePath, max_bytes: u64) -> Result<Vec<u8>, Error> {
        let file = self.file(path).ok_or_else(|| Error::NoSuchFile { tree: self.0.digest, path: path.clone() })?;
        if file.bytes > max_bytes {
            return Err(Error::FileTooLarge { path: path.clone(), max_bytes });
        }
        self.read_at_most(file, max_bytes)
    }

    /// Reads `plugin.yaml` or `plugin.yml` at the root: at most 64 KiB and one byte, so that a longer file is noticed.
    ///
    /// # Errors
    /// [`Error::NoManifest`], [`Error::TwoManifests`].
    pub fn manifest_text(&self) -> Result<Vec<u8>, Error> {
        let named = |name| self.0.files.iter().find(|file| file.path.as_str() == name);
        match (named("plugin.yaml"), named("plugin.yml")) {
            (Some(file), None) | (None, Some(file)) => self.read_at_most(file, MAX_MANIFEST_READ),
            (Some(_), Some(_)) => Err(Error::TwoManifests),
            (None, None) => Err(Error::NoManifest { found: self.names_at_root(), hint: self.where_a_manifest_is() }),
        }
    }

    /// Copies all files into `dest`, which is created if necessary. The copies are writable.
    pub fn copy_to(&self, dest: &Path) -> Result<(), Error> {
        make_dir(dest)?;
        for file in &self.0.files {
            let (from, to) = (self.0.path.join(file.path.as_str()), dest.join(file.path.as_str()));
            if let Some(folder) = to.parent() {
                make_dir(folder)?;
            }
            let mode = if file.executable { 0o755 } else { 0o644 };
            let mut reader = File::open(&from).context("open", &from)?;
            let mut writer =
                File::options().write(true).create_new(true).mode(mode).open(&to).context("create", &to)?;
            io::copy(&mut reader, &mut writer).context("copy to", &to)?;
        }
        Ok(())
    }

    fn file(&self, path: &TreePath) -> Option<&TreeFile> {
        let at = self.0.files.binary_search_by(|file| file.path.cmp(path)).ok()?;
        self.0.files.get(at)
    }

    fn read_at_most(&self, file: &TreeFile, max_bytes: u64) -> Result<Vec<u8>, Error> {
        let path = self.0.path.join(file.path.as_str());
        let mut bytes = Vec::new();
        File::open(&path).and_then(|opened| opened.take(max_bytes).read_to_end(&mut bytes)).context("read", &path)?;
        Ok(bytes)
    }

    /// The remedy for a missing manifest: the folders that have one, or what the source is instead.
    fn where_a_manifest_is(&self) -> String {
        let is_there = |name: &str| self.0.files.iter().any(|file| file.path.as_str() == name);
        let folder = |file: &TreeFile| {
            let (folder, name) = file.path.as_str().rsplit_once('/')?;
            matches!(name, "plugin.yaml" | "plugin.yml").then(|| folder.to_owned())
        };
        let below = |folder: &str| match self.folder() {
            Some(at) => format!("{at}/{folder}"),
            None => folder.to_owned(),
        };
        let mut folders: Vec<_> = self.0.files.iter().filter_map(folder).collect();
        folders.sort_by_key(|folder| folder.split('/').count());
        let shown: Vec<_> = folders.iter().take(5).map(|folder| format!("`{}/`", below(folder))).collect();
        match (folders.first(), self.folder_above_with_manifest()) {
            (Some(first), _) => format!(
                "there is one in {}: name that folder, or `load` with --path {}",
                shown.join(", "),
                below(first)
            ),
            (None, Some("")) => "the root of the source has one: leave `path` out".to_owned(),
            (None, Some(above)) => {
                format!("there is one in `{above}/`: name that folder, or `load` with --path {above}")
            }
            (None, None) if self.misnamed_manifest().is_some() => {
                format!("rename `{}` to `plugin.yaml`", self.misnamed_manifest().unwrap_or_default())
            }
            // A repository without commits has no objects.
            (None, None)
                if is_there("HEAD")
                    && is_there("config")
                    && (self.has_folder("objects") || is_there("description")) =>
            {
                "this is a bare git repository: run `git clone` with its path, and load the clone".to_owned()
            }
            (None, None) if !is_there("Cargo.toml") && (is_there("main.go") || is_there("go.mod")) => {
                "main.go and no Cargo.toml: this is a Go plugin; port it to Rust, see docs/authoring.md".to_owned()
            }
            (None, None) if self.inner_archive().is_some() => {
                "the source contains an archive: unpack it and load the inner archive".to_owned()
            }
            (None, None) => "put a `plugin.yaml` at the root of the repository, archive or folder".to_owned(),
        }
    }

    /// A file at the root that is named like a manifest, but not exactly.
    fn misnamed_manifest(&self) -> Option<&str> {
        let is_meant = |name: &&str| {
            let lower = name.to_ascii_lowercase();
            ["plugin.yaml", "plugin.yml"].contains(&lower.trim_end_matches(".txt"))
        };
        self.0.files.iter().map(|file| file.path.as_str()).find(is_meant)
    }

    fn has_folder(&self, name: &str) -> bool {
        self.0.files.iter().any(|file| file.path.as_str().split_once('/').is_some_and(|(first, _)| first == name))
    }

    /// The only file, if it is an archive. CI services pack the ZIP of a build into another ZIP.
    fn inner_archive(&self) -> Option<&TreeFile> {
        let [file] = &*self.0.files else { return None };
        let name = file.path.as_str().to_ascii_lowercase();
        [".zip", ".tar.gz", ".tgz"].iter().any(|end| name.ends_with(end)).then_some(file)
    }

    /// The nearest folder above this part of a tree that has a manifest; empty for the root.
    fn folder_above_with_manifest(&self) -> Option<&str> {
        let mut above = self.folder()?.as_str();
        while !above.is_empty() {
            above = above.rsplit_once('/').map_or("", |(parent, _)| parent);
            let is_manifest = |file: &TreeFile| {
                let (folder, name) = file.path.as_str().rsplit_once('/').unwrap_or(("", file.path.as_str()));
                folder == above && matches!(name, "plugin.yaml" | "plugin.yml")
            };
            if self.whole().0.files.iter().any(is_manifest) {
                return Some(above);
            }
        }
        None
    }

    fn names_at_root(&self) -> String {
        let mut names: Vec<_> = self.0.files.iter().filter_map(|file| file.path.parts().next()).collect();
        names.dedup();
        host_core::shown_list(names, 5)
    }
}

/// The digest of a tree with these files, which are sorted by path.
pub(crate) fn digest_of(files: &[TreeFile]) -> Digest {
    let mut digest = DigestWriter::new();
    digest.field(b"tree 1");
    for file in files {
        digest
            .field(file.path.as_str().as_bytes())
            .field(if file.executable { b"x" } else { b"-" })
            .field(&file.bytes.to_le_bytes())
            .field(file.digest.hex().as_bytes());
    }
    digest.finish()
}

#[derive(Serialize, Deserialize)]
struct IndexEntry {
    path: String,
    bytes: u64,
    executable: bool,
    #[serde(with = "crate::digest_text")]
    digest: Digest,
}

/// The index as stored beside the tree.
pub(crate) fn index_text(files: &[TreeFile]) -> Vec<u8> {
    let entry = |file: &TreeFile| IndexEntry {
        path: file.path.as_str().to_owned(),
        bytes: file.bytes,
        executable: file.executable,
        digest: file.digest,
    };
    serde_json::to_vec(&files.iter().map(entry).collect::<Vec<_>>())
        .expect("strings and numbers always have a JSON form")
}

pub(crate) fn parse_index(text: &[u8]) -> Result<Vec<TreeFile>, String> {
    let entries: Vec<IndexEntry> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let file = |entry: IndexEntry| {
        let path = entry.path.parse().map_err(|error: host_core::PathError| error.to_string())?;
        Ok(TreeFile { path, bytes: entry.bytes, executable: entry.executable, digest: entry.digest })
    };
    entries.into_iter().map(file).collect()
}
