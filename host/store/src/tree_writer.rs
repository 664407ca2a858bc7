//! Writes a tree file by file, within limits, and stores it atomically.

use std::collections::HashSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use host_core::{DigestWriter, TreePath};

use crate::atomic::remove;
use crate::error::IoContext as _;
use crate::layout::make_dir;
use crate::tree::{TreeInner, digest_of, index_text};
use crate::{Error, Store, TempDir, Tree, TreeFile, atomic};

/// The number of files that are synced one by one; a sync of the whole file system also waits for files of others.
const MAX_SYNCS: usize = 64;

/// A tree that is being written. If it is dropped without [`TreeWriter::finish`], its files are removed.
pub struct TreeWriter {
    store: Store,
    folder: TempDir,
    files: Vec<TreeFile>,
    total_bytes: u64,
    /// The normalized paths of all files and of their folders.
    file_names: HashSet<String>,
    folder_names: HashSet<String>,
}

impl Store {
    /// Creates an empty tree.
    pub fn new_tree(&self) -> Result<TreeWriter, Error> {
        Ok(TreeWriter {
            store: self.clone(),
            folder: self.temp_dir()?,
            files: Vec::new(),
            total_bytes: 0,
            file_names: HashSet::new(),
            folder_names: HashSet::new(),
        })
    }
}

impl TreeWriter {
    /// Writes one file and returns its size. A refused file is not in the tree.
    ///
    /// # Errors
    /// The limits, [`Error::Duplicate`], [`Error::FileAndFolder`], and [`Error::Content`] when `content` fails.
    pub fn add(&mut self, path: TreePath, executable: bool, content: impl Read) -> Result<u64, Error> {
        let limits = self.store.0.limits;
        if self.files.len() >= limits.max_files {
            return Err(Error::TooManyFiles { path, max_files: limits.max_files });
        }
        self.check_name(&path)?;
        let place = self.folder.path().join(path.as_str());
        if let Some(folder) = place.parent() {
            make_dir(folder)?;
        }
        let file = match self.write(&path, &place, executable, content) {
            Ok(file) => file,
            Err(error) => {
                // The temporary folder is removed when the writer is dropped; this is for a caller that continues.
                let _ = fs::remove_file(&place);
                return Err(error);
            }
        };
        let bytes = file.bytes;
        self.total_bytes += bytes;
        self.take_name(&file.path);
        self.files.push(file);
        Ok(bytes)
    }

    /// Stores the tree, or returns the existing one.
    ///
    /// If all files are in one top-level folder, as in archives created by GitHub, that folder is removed from their
    /// paths.
    pub fn finish(mut self) -> Result<Tree, Error> {
        let root = self.strip_single_top();
        self.put(root)
    }

    /// Stores the tree with all its folders, or returns the existing one.
    pub fn finish_with_top(self) -> Result<Tree, Error> {
        let root = self.folder.path().to_owned();
        self.put(root)
    }

    fn put(mut self, root: PathBuf) -> Result<Tree, Error> {
        if self.files.is_empty() {
            return Err(Error::EmptyTree);
        }
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        let digest = digest_of(&self.files);
        let layout = &self.store.0.layout;

        let mut shelf = self.store.shelf();
        match self.store.tree_on(&mut shelf, &digest) {
            Ok(Some(tree)) => return Ok(tree),
            Ok(None) => {}
            // The new files are valid, so they replace the damaged ones.
            Err(Error::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        }
        let (path, index) = (layout.tree(&digest), layout.tree_index(&digest));
        if path.exists() {
            remove(&path)?;
        }
        self.sync(&root)?;
        host_fail::point("store.tree_written");
        fs::rename(&root, &path).context("put in place", &path)?;
        host_fail::point("store.tree_placed");
        atomic::write(&index, &index_text(&self.files), 0o444).context("write", &index)?;
        host_fail::point("store.tree_indexed");
        Ok(shelf.keep_tree(TreeInner { digest, path, files: std::mem::take(&mut self.files), part_of: None }))
    }

    /// Syncs the files and their folders, so that they survive a power failure. Each sync of a file waits for the disk,
    /// so many files share a sync of the file system.
    fn sync(&self, root: &Path) -> Result<(), Error> {
        if self.files.len() > MAX_SYNCS {
            let folder = File::open(root).context("open", root)?;
            return rustix::fs::syncfs(&folder).map_err(io::Error::from).context("sync", root);
        }
        for file in &self.files {
            let path = root.join(file.path.as_str());
            File::open(&path).and_then(|file| file.sync_all()).context("sync", &path)?;
        }
        let folders = self.files.iter().flat_map(|file| folders_of(file.path.as_str()));
        for folder in folders.chain([""]).collect::<HashSet<_>>() {
            let folder = root.join(folder);
            atomic::sync_dir(&folder).context("sync", &folder)?;
        }
        Ok(())
    }

    fn check_name(&self, path: &TreePath) -> Result<(), Error> {
        let folded = path.folded();
        if self.file_names.contains(&folded) {
            return Err(Error::Duplicate { path: path.clone() });
        }
        if self.folder_names.contains(&folded) {
            return Err(Error::FileAndFolder { path: path.to_string() });
        }
        match folders_of(&folded).find(|folder| self.file_names.contains(*folder)) {
            Some(folder) => Err(Error::FileAndFolder { path: folder.to_owned() }),
            None => Ok(()),
        }
    }

    fn take_name(&mut self, path: &TreePath) {
        let folded = path.folded();
        for folder in folders_of(&folded) {
            if !self.folder_names.contains(folder) {
                self.folder_names.insert(folder.to_owned());
            }
        }
        self.file_names.insert(folded);
    }

    fn write(
        &self,
        path: &TreePath,
        place: &PathBuf,
        executable: bool,
        mut content: impl Read,
    ) -> Result<TreeFile, Error> {
        let limits = self.store.0.limits;
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(place).context("create", place)?;
        let mut digest = DigestWriter::new();
        let mut bytes = 0_u64;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let n = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(Error::Content { path: path.clone(), source }),
            };
            bytes += n as u64;
            if bytes > limits.max_file_bytes {
                return Err(Error::FileTooLarge { path: path.clone(), max_bytes: limits.max_file_bytes });
            }
            if self.total_bytes + bytes > limits.max_total_bytes {
                return Err(Error::TreeTooLarge { path: path.clone(), max_bytes: limits.max_total_bytes });
            }
            file.write_all(&buffer[..n]).context("write", place)?;
            digest.write_all(&buffer[..n]).context("hash", place)?;
        }
        let mode = if executable { 0o555 } else { 0o444 };
        file.set_permissions(Permissions::from_mode(mode)).context("set the mode of", place)?;
        Ok(TreeFile { path: path.clone(), bytes, executable, digest: digest.finish() })
    }

    /// Removes the single top-level folder and returns the root of the tree.
    fn strip_single_top(&mut self) -> PathBuf {
        let mut tops = self.files.iter().map(|file| file.path.as_str().split_once('/').map(|(top, _)| top));
        let top = match tops.next().flatten() {
            Some(top) if tops.all(|other| other == Some(top)) => top.to_owned(),
            _ => return self.folder.path().to_owned(),
        };
        for file in &mut self.files {
            file.path = file.path.without_top().expect("every path has the same first folder");
        }
        self.folder.path().join(top)
    }
}

/// The parent folders of a path, innermost first.
fn folders_of(path: &str) -> impl Iterator<Item = &str> {
    path.rmatch_indices('/').map(|(at, _)| &path[..at])
}

#[cfg(test)]
mod tests;
