//! Disk usage, and the removal of unused files.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Weak;

use host_core::Digest;

use crate::atomic::remove;
use crate::error::IoContext as _;
use crate::{Error, Store};

/// The usage of both data folders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The number of artifacts.
    pub artifacts: u64,
    /// The number of trees.
    pub trees: u64,
    /// Bytes in the files of all artifacts.
    pub artifact_bytes: u64,
    /// Bytes in the files of all trees.
    pub tree_bytes: u64,
    /// Bytes in all files of the build cache.
    pub build_cache_bytes: u64,
    /// The number of builds in the cache.
    pub build_entries: u64,
}

impl Store {
    /// Measures both data folders by walking them.
    pub fn usage(&self) -> Result<Usage, Error> {
        let layout = &self.0.layout;
        let mut usage = Usage::default();
        for digest in stored(&layout.trees())? {
            usage.trees += 1;
            usage.tree_bytes += bytes_in(&layout.tree(&digest))?;
        }
        for digest in stored(&layout.artifacts())? {
            usage.artifacts += 1;
            usage.artifact_bytes += bytes_in(&layout.artifact(&digest))?;
        }
        usage.build_cache_bytes = bytes_in(&layout.cache_dir)?;
        usage.build_entries = match fs::read_dir(layout.fingerprints()) {
            Ok(entries) => entries.count() as u64,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(source) => return Err(Error::Io { action: "list", path: layout.fingerprints(), source }),
        };
        Ok(usage)
    }

    /// Removes artifacts and trees that are not in the lists and returns the number of bytes freed.
    ///
    /// Trees and artifacts in use as [`crate::Tree`] or [`crate::Artifact`], and trees of uploads, are kept.
    pub fn remove_unused(&self, keep_artifacts: &HashSet<Digest>, keep_trees: &HashSet<Digest>) -> Result<u64, Error> {
        let layout = &self.0.layout;
        let mut uploaded = HashSet::new();
        for id in self.upload_ids()? {
            uploaded.extend(self.upload_digest(&id)?);
        }
        // The lock is held until the end, so that no item is returned that is about to be removed.
        let shelf = self.shelf();
        let mut freed = 0;
        for digest in stored(&layout.artifacts())? {
            let held = shelf.artifacts.get(&digest).and_then(Weak::upgrade).is_some();
            if !held && !keep_artifacts.contains(&digest) {
                freed += self.take_away(&layout.artifact(&digest))?;
            }
        }
        for digest in stored(&layout.trees())? {
            let held = shelf.trees.get(&digest).and_then(Weak::upgrade).is_some();
            if !held && !keep_trees.contains(&digest) && !uploaded.contains(&digest) {
                let index = layout.tree_index(&digest);
                if index.exists() {
                    remove(&index)?;
                }
                freed += self.take_away(&layout.tree(&digest))?;
            }
        }
        Ok(freed)
    }

    /// Removes all entries of builds with their scratch and target folders; returns the number of bytes freed.
    ///
    /// Installed files are not touched. Downloaded crates and SDK copies are kept. Must not be called during a build.
    pub fn clear_build_cache(&self) -> Result<u64, Error> {
        let layout = &self.0.layout;
        let mut freed = 0;
        for folder in [layout.fingerprints(), layout.work(), layout.targets()] {
            if folder.exists() {
                freed += bytes_in(&folder)?;
                remove(&folder)?;
            }
        }
        Ok(freed)
    }

    /// Removes a folder. After a crash it is either complete or in `tmp/`.
    pub(crate) fn take_away(&self, folder: &Path) -> Result<u64, Error> {
        let bytes = bytes_in(folder)?;
        let temp = self.temp_dir()?;
        fs::rename(folder, temp.path().join("gone")).context("remove", folder)?;
        Ok(bytes)
    }
}

/// The digests that are the names of folders in `parent`.
pub(crate) fn stored(parent: &Path) -> Result<Vec<Digest>, Error> {
    let mut digests = Vec::new();
    for entry in fs::read_dir(parent).context("list", parent)? {
        let entry = entry.context("list", parent)?;
        let digest = entry.file_name().to_str().and_then(|name| name.parse::<Digest>().ok());
        digests.extend(digest.filter(|digest| parent.join(digest.hex()).is_dir()));
    }
    Ok(digests)
}

/// The bytes of all files below `folder`, without following links. Files that vanish during the walk count as zero,
/// since builds change the cache.
pub(crate) fn bytes_in(folder: &Path) -> Result<u64, Error> {
    let mut total = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(Error::Io { action: "list", path: folder, source }),
        };
        for entry in entries {
            let entry = entry.context("list", &folder)?;
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                Ok(metadata) if metadata.is_file() => total += metadata.len(),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(Error::Io { action: "look at", path: entry.path(), source }),
            }
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tree;
    use crate::artifacts::tests::artifact;
    use crate::store::tests::{TestStore, store};

    fn tree(test: &TestStore, text: &str) -> Tree {
        let mut writer = test.store.new_tree().unwrap();
        writer.add("plugin.yaml".parse().unwrap(), false, text.as_bytes()).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn only_unused_artifacts_and_trees_are_removed() {
        let test = store();
        let kept_tree = tree(&test, "kept").digest();
        let uploaded = tree(&test, "uploaded").digest();
        test.store.put_upload(&test.store.tree(&uploaded).unwrap().unwrap(), &[]).unwrap();
        let held = tree(&test, "held");
        let gone = tree(&test, "gone").digest();
        let kept_artifact = artifact(&test, "kept").digest();
        let held_artifact = artifact(&test, "held");
        let gone_artifact = artifact(&test, "gone").digest();
        assert_eq!(test.store.usage().unwrap().tree_bytes, 4 + 8 + 4 + 4);

        let freed = test.store.remove_unused(&HashSet::from([kept_artifact]), &HashSet::from([kept_tree])).unwrap();
        assert!(freed > 8, "{freed}");
        for (digest, there) in [(kept_tree, true), (uploaded, true), (held.digest(), true), (gone, false)] {
            assert_eq!(test.store.tree(&digest).unwrap().is_some(), there);
        }
        for (digest, there) in [(kept_artifact, true), (held_artifact.digest(), true), (gone_artifact, false)] {
            assert_eq!(test.store.artifact(&digest).unwrap().is_some(), there);
        }
        let usage = test.store.usage().unwrap();
        assert_eq!((usage.trees, usage.artifacts), (3, 2));
        test.assert_no_temp_files();
    }

    #[test]
    fn clearing_the_build_cache_forgets_builds_and_keeps_artifacts() {
        let test = store();
        let made = artifact(&test, "code");
        let fingerprint = Digest::compute(b"f");
        test.store.remember(&fingerprint, &made).unwrap();
        crate::atomic::write(&test.store.work_dir(&fingerprint).join("x"), b"12345", 0o600).unwrap();
        crate::atomic::write(&test.store.cargo_home().join("x"), b"1", 0o600).unwrap();
        assert_eq!(test.store.usage().unwrap().build_entries, 1);

        assert!(test.store.clear_build_cache().unwrap() > 5);
        assert!(test.store.remembered(&fingerprint).unwrap().is_none());
        assert!(test.store.artifact(&made.digest()).unwrap().is_some());
        assert!(test.store.cargo_home().join("x").exists());
        assert_eq!(test.store.usage().unwrap().build_entries, 0);
        test.store.remember(&fingerprint, &made).unwrap();
    }
}
