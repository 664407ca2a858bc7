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
mod tests {
    use super::*;
    use crate::store::tests::{TestStore, config, store};

    fn tree(store: &Store, files: &[(&str, &str)]) -> Result<Tree, Error> {
        let mut writer = store.new_tree()?;
        for (path, text) in files {
            writer.add(path.parse().unwrap(), path.ends_with(".sh"), text.as_bytes())?;
        }
        writer.finish()
    }

    #[test]
    fn the_digest_of_a_tree_depends_on_its_content_and_not_on_the_order_of_writing() {
        let test = store();
        let one = tree(&test.store, &[("plugin.yaml", "id: a"), ("src/lib.rs", "x")]).unwrap();
        let two = tree(&test.store, &[("src/lib.rs", "x"), ("plugin.yaml", "id: a")]).unwrap();
        assert_eq!(one.digest(), two.digest());
        for other in [
            &[("plugin.yaml", "id: b"), ("src/lib.rs", "x")],
            &[("plugin.yaml", "id: a"), ("src/lib.sh", "x")],
            &[("plugin.yaml", "id: a"), ("src/main.rs", "x")],
        ] {
            assert_ne!(tree(&test.store, other).unwrap().digest(), one.digest());
        }
        test.assert_no_temp_files();
    }

    #[test]
    fn a_tree_is_found_by_its_digest_after_a_restart() {
        let TestStore { store, folder } = store();
        let made = tree(&store, &[("plugin.yaml", "id: a"), ("run.sh", "x")]).unwrap();
        let (digest, files) = (made.digest(), made.files().to_vec());
        drop((made, store));

        let store = Store::open(config(folder.path())).unwrap();
        let found = store.tree(&digest).unwrap().unwrap();
        assert_eq!((found.digest(), found.files()), (digest, files.as_slice()));
        assert_eq!(found.manifest_text().unwrap(), b"id: a");
        assert_eq!(found.read(&"run.sh".parse().unwrap(), 10).unwrap(), b"x");
        assert_eq!(found.read(&"run.sh".parse().unwrap(), 0).unwrap_err().code(), "store_file_too_large");
        assert_eq!(found.read(&"no".parse().unwrap(), 1).unwrap_err().code(), "store_no_such_file");
        assert!(store.tree(&digest_of(&[])).unwrap().is_none());
    }

    #[test]
    fn files_are_read_only_in_the_store_and_writable_in_a_copy() {
        let test = store();
        let made = tree(&test.store, &[("a", "1"), ("b/run.sh", "2")]).unwrap();
        let copy = test.folder.path().join("copy");
        made.copy_to(&copy).unwrap();
        for (root, plain, script) in [(made.path(), 0o444, 0o555), (&copy, 0o644, 0o755)] {
            let mode = |name| fs::metadata(root.join(name)).unwrap().permissions().mode() & 0o7777;
            // The process's umask may remove permissions of group and others from the copy.
            assert_eq!((mode("a") & 0o700, mode("b/run.sh") & 0o700), (plain & 0o700, script & 0o700));
            assert_eq!(fs::read(root.join("b/run.sh")).unwrap(), b"2");
        }
    }

    #[test]
    fn an_invalid_tree_is_refused_and_leaves_nothing() {
        let long = "x".repeat(601);
        let half = "x".repeat(600);
        for (files, code) in [
            (vec![("a", ""), ("A", "")], "store_duplicate"),
            (vec![("e\u{301}", ""), ("\u{e9}", "")], "store_duplicate"),
            (vec![("a", ""), ("a/b", "")], "store_file_and_folder"),
            (vec![("a/b/c", ""), ("A/b", "")], "store_file_and_folder"),
            (vec![("a", long.as_str())], "store_file_too_large"),
            (vec![("a", half.as_str()), ("b", half.as_str())], "store_tree_too_large"),
            (vec![("1", ""), ("2", ""), ("3", ""), ("4", ""), ("5", ""), ("6", "")], "store_too_many_files"),
            (vec![], "store_empty_tree"),
        ] {
            let test = store();
            assert_eq!(tree(&test.store, &files).unwrap_err().code(), code, "{files:?}");
            test.assert_no_temp_files();
            assert_eq!(test.store.usage().unwrap().trees, 0);
        }
    }

    #[test]
    fn a_file_whose_content_cannot_be_read_is_not_in_the_tree() {
        struct Breaks;
        impl Read for Breaks {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("wire cut"))
            }
        }
        let test = store();
        let mut writer = test.store.new_tree().unwrap();
        let error = writer.add("a".parse().unwrap(), false, Breaks).unwrap_err();
        assert_eq!(error.code(), "store_content");
        writer.add("a".parse().unwrap(), false, &b"whole"[..]).unwrap();
        assert_eq!(writer.finish().unwrap().files().len(), 1);
        test.assert_no_temp_files();
    }

    #[test]
    fn a_single_top_level_folder_is_removed_from_the_paths() {
        let test = store();
        let paths = |files: &[(&str, &str)]| {
            let tree = tree(&test.store, files).unwrap();
            assert!(tree.files().iter().all(|file| tree.path().join(file.path.as_str()).is_file()));
            tree.files().iter().map(|file| file.path.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(paths(&[("hello-1/plugin.yaml", ""), ("hello-1/src/lib.rs", "")]), "plugin.yaml src/lib.rs");
        assert_eq!(paths(&[("a/plugin.yaml", ""), ("b/x", "")]), "a/plugin.yaml b/x");
        assert_eq!(paths(&[("plugin.yaml", ""), ("a/x", "")]), "a/x plugin.yaml");
        assert_eq!(paths(&[("a/a/x", "")]), "a/x");
    }

    #[test]
    fn a_tree_needs_one_manifest_at_its_root() {
        let test = store();
        let code = |files: &[(&str, &str)]| tree(&test.store, files).unwrap().manifest_text().map_err(|e| e.code());
        assert_eq!(code(&[("plugin.yml", "id: b"), ("x", "")]), Ok(b"id: b".to_vec()));
        assert_eq!(code(&[("plugin.yml", ""), ("plugin.yaml", "")]), Err("store_two_manifests"));
        assert_eq!(code(&[("a/plugin.yaml", ""), ("b", "")]), Err("store_no_manifest"));
        let error = tree(&test.store, &[("a/plugin.yaml", ""), ("b", "")]).unwrap().manifest_text().unwrap_err();
        assert!(error.to_string().contains("`a`, `b`"), "{error}");
        let hint = |files| tree(&test.store, files).unwrap().manifest_text().unwrap_err().to_string();
        let go = hint(&[("main.go", ""), ("go.mod", "")]);
        assert!(go.contains("this is a Go plugin; port it to Rust, see docs/authoring.md"), "{go}");
        let both = hint(&[("main.go", ""), ("Cargo.toml", "")]);
        assert!(both.contains("put a `plugin.yaml` at the root"), "{both}");
    }

    #[test]
    fn a_damaged_index_is_reported_and_a_new_fetch_replaces_it() {
        let test = store();
        let files = [("plugin.yaml", "id: a"), ("b", "")];
        let digest = tree(&test.store, &files).unwrap().digest();
        let index = test.store.0.layout.tree_index(&digest);
        atomic::write(&index, b"[]", 0o444).unwrap();
        let error = test.store.tree(&digest).unwrap_err();
        assert_eq!(error.code(), "store_corrupt");
        assert!(error.to_string().contains(&digest.hex()), "{error}");
        assert_eq!(tree(&test.store, &files).unwrap().digest(), digest);
        assert!(test.store.tree(&digest).unwrap().is_some());
    }
}
