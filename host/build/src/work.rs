//! The copy of a tree that cargo works in.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use host_core::Digest;
use host_store::{Store, Tree, atomic};

use crate::Error;
use crate::cargo_toml::Package;
use crate::error::IoContext as _;

/// An own workspace: cargo looks for a workspace in every parent folder, and the build cache may be inside one.
const WORKSPACE: &str = "\n[workspace]\n";
/// In a persistent folder: the list of files of the last tree, one per line.
const FILES: &str = ".files-of-the-tree";
/// In a persistent folder: the author's Cargo.lock, before cargo completed it.
const AUTHORS_LOCK: &str = ".Cargo.lock-of-the-tree";

/// A work folder of cargo, removed when it is dropped unless it is persistent.
pub(crate) struct Work {
    path: PathBuf,
    is_kept: bool,
}

impl Work {
    /// Creates an empty folder, removing the remains of a crash.
    pub(crate) fn empty(store: &Store, name: &Digest) -> Result<Work, Error> {
        let work = Work { path: store.work_dir(name), is_kept: false };
        match fs::remove_dir_all(&work.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).context("empty", &work.path)?,
            _ => {}
        }
        fs::create_dir_all(&work.path).context("create", &work.path)?;
        Ok(work)
    }

    /// A copy of a tree.
    pub(crate) fn copy(store: &Store, name: &Digest, tree: &Tree, package: &Package) -> Result<Work, Error> {
        let work = Work::empty(store, name)?;
        tree.whole().copy_to(&work.path)?;
        if !package.has_workspace {
            let path = work.path.join(package.manifest());
            let mut text = fs::read_to_string(&path).context("read", &path)?;
            text.push_str(WORKSPACE);
            work.write(&package.manifest(), &text)?;
        }
        Ok(work)
    }

    /// Makes the persistent folder with that name equal to a tree. Only changed files are written, so that cargo
    /// detects changes by their times. Files created by a build script stay; so does a Cargo.lock completed by cargo,
    /// until the tree has another one.
    ///
    /// `last` names the folder that was built last in the same target folder. If it was another one, everything is
    /// written: cargo treats two packages with the same name and version as one, wherever they are, and would use the
    /// newer output for this one.
    pub(crate) fn keep(
        store: &Store,
        name: &Digest,
        tree: &Tree,
        package: &Package,
        last: &mut File,
    ) -> Result<Work, Error> {
        let work = Work { path: store.work_dir(name), is_kept: true };
        fs::create_dir_all(&work.path).context("create", &work.path)?;
        let mut last_name = String::new();
        last.read_to_string(&mut last_name).context("read who built last in", &work.path)?;
        let is_last = last_name == name.hex();
        let before = fs::read_to_string(work.path.join(FILES)).unwrap_or_default();
        let (tree, manifest, lock_file) = (tree.whole(), package.manifest(), package.lock_file());
        let is_in_tree = |path: &str| tree.files().iter().any(|file| file.path.as_str() == path);
        for gone in before.lines().filter(|path| !is_in_tree(path)) {
            work.remove(Path::new(gone));
        }
        let mut list = String::new();
        for file in tree.files() {
            let path = file.path.as_str();
            list.extend([path, "\n"]);
            let mut bytes = tree.read(&file.path, file.bytes)?;
            if path == manifest && !package.has_workspace {
                bytes.extend(WORKSPACE.as_bytes());
            }
            if path == lock_file && !work.differs(AUTHORS_LOCK, &bytes) {
                continue;
            }
            for path in [path].into_iter().chain((path == lock_file).then_some(AUTHORS_LOCK)) {
                if !is_last || work.differs(path, &bytes) {
                    work.write_into(path, &bytes, if file.executable { 0o755 } else { 0o644 })?;
                }
            }
        }
        work.write_into(FILES, list.as_bytes(), 0o644)?;
        if !is_last {
            // Written after the files: an interrupted run writes them again.
            let noted =
                last.set_len(0).and_then(|()| last.rewind()).and_then(|()| last.write_all(name.hex().as_bytes()));
            noted.context("note who builds in", &work.path)?;
        }
        Ok(work)
    }

    /// The path. Absolute.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file; its folder must be there.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.path.join(name);
        atomic::write(&path, text.as_bytes(), 0o644).context("write", &path)
    }

    fn differs(&self, path: &str, bytes: &[u8]) -> bool {
        fs::read(self.path.join(path)).map_or(true, |found| found != bytes)
    }

    /// Writes a file and makes its folder where needed. A crash may leave it half written, and then it differs.
    fn write_into(&self, path: &str, bytes: &[u8], mode: u32) -> Result<(), Error> {
        let path = self.path.join(path);
        if path.is_dir() {
            // The name is now a file instead of a folder; the folder's files are no longer in the tree.
            fs::remove_dir_all(&path).context("remove", &path)?;
        }
        let folder = path.parent().unwrap_or(&self.path);
        fs::create_dir_all(folder).context("create", folder)?;
        let mut file = File::options().write(true).create(true).truncate(true).open(&path).context("write", &path)?;
        file.write_all(bytes).context("write", &path)?;
        file.set_permissions(Permissions::from_mode(mode)).context("set the mode of", &path)
    }

    /// Removes a file, and the folders that it leaves empty.
    fn remove(&self, path: &Path) {
        // A file that cannot be removed is compiled as well, or blocks another file, which is reported.
        let _ = fs::remove_file(self.path.join(path));
        let folders = path.ancestors().skip(1).take_while(|folder| !folder.as_os_str().is_empty());
        for folder in folders {
            if fs::remove_dir(self.path.join(folder)).is_err() {
                break;
            }
        }
    }

    /// The text of Cargo.lock; empty if there is none.
    pub(crate) fn lock_file(&self, package: &Package) -> String {
        fs::read_to_string(self.path.join(package.lock_file())).unwrap_or_default()
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), error = &error as &dyn std::error::Error, "a work folder stays");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package() -> Package {
        let (folder, root) = (String::new(), String::new());
        Package {
            name: "x".to_owned(),
            library: "x".to_owned(),
            has_workspace: false,
            folder,
            root,
            profiles: Default::default(),
        }
    }

    #[test]
    fn a_kept_folder_becomes_equal_to_the_tree_and_what_is_the_same_stays_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(host_store::Config {
            plugin_dir: folder.path().join("plugins"),
            cache_dir: folder.path().join("cache"),
            limits: Default::default(),
        })
        .unwrap();
        let keep_as = |name: &[u8], files: &[(&str, &str)]| {
            let mut writer = store.new_tree().unwrap();
            for (path, text) in files {
                writer.add(path.parse().unwrap(), false, text.as_bytes()).unwrap();
            }
            let mut last = store.lock_target("aa", 0).unwrap();
            Work::keep(&store, &Digest::compute(name), &writer.finish().unwrap(), &package(), &mut last)
                .unwrap()
                .path
                .clone()
        };
        let keep = |files: &[(&str, &str)]| keep_as(b"x", files);
        let place = keep(&[("Cargo.toml", "[package]"), ("Cargo.lock", "1"), ("src/a/b.rs", "b"), ("src/lib.rs", "1")]);
        let read = |path: &str| fs::read_to_string(place.join(path)).ok();
        let time = |path: &str| fs::metadata(place.join(path)).unwrap().modified().unwrap();
        assert_eq!(read("Cargo.toml").unwrap(), "[package]\n[workspace]\n");
        atomic::write(&place.join("Cargo.lock"), b"1 and more", 0o644).unwrap();
        atomic::write(&place.join("src/generated.rs"), b"made", 0o644).unwrap();
        let times = (time("Cargo.toml"), time("src/lib.rs"));

        keep(&[("Cargo.toml", "[package]"), ("Cargo.lock", "1"), ("src/a", "now a file"), ("src/lib.rs", "1")]);
        assert_eq!((time("Cargo.toml"), time("src/lib.rs")), times);
        assert_eq!((read("src/a").as_deref(), read("Cargo.lock").as_deref()), (Some("now a file"), Some("1 and more")));
        keep(&[("Cargo.toml", "[package]"), ("Cargo.lock", "2"), ("src/lib.rs", "2")]);
        assert_eq!((read("src/a"), read("Cargo.lock").as_deref()), (None, Some("2")));
        assert_eq!((read("src/lib.rs").as_deref(), read("src/generated.rs").as_deref()), (Some("2"), Some("made")));

        // Another folder was built in the same target folder: cargo must see newer files here.
        let long_ago = std::time::SystemTime::UNIX_EPOCH;
        File::options().append(true).open(place.join("src/lib.rs")).unwrap().set_modified(long_ago).unwrap();
        keep(&[("Cargo.toml", "[package]"), ("Cargo.lock", "2"), ("src/lib.rs", "2")]);
        assert_eq!(time("src/lib.rs"), long_ago);
        keep_as(b"y", &[("Cargo.toml", "[package]"), ("src/lib.rs", "2")]);
        keep(&[("Cargo.toml", "[package]"), ("Cargo.lock", "2"), ("src/lib.rs", "2")]);
        assert_ne!(time("src/lib.rs"), long_ago);
    }
}
