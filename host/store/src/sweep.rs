//! Garbage collection: unreferenced artifacts and trees after a while, and the least recently used parts of the build
//! cache.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::{Duration, SystemTime};

use host_core::Digest;
use serde::{Deserialize, Serialize};

use crate::atomic::remove;
use crate::cleaning::{bytes_in, stored};
use crate::error::IoContext as _;
use crate::{Error, Store, atomic};

/// The age from which an unchanged scratch folder belongs to no running build.
const WORK_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The removed items.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// The number of artifacts.
    pub artifacts: u64,
    /// The number of trees.
    pub trees: u64,
    /// The number of removed entries of builds.
    pub builds: u64,
    /// The number of folders of the build cache that were skipped because a build uses them.
    pub in_use: u64,
    /// The number of bytes freed.
    pub bytes: u64,
}

/// The unreferenced items, each with the time since which it has been unreferenced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Unneeded {
    /// The start of the last sweep, in milliseconds since 1970; 0 before the first.
    #[serde(default)]
    swept_unix_ms: u64,
    /// The times, by the hex digits of the digest.
    #[serde(default)]
    artifacts: BTreeMap<String, u64>,
    #[serde(default)]
    trees: BTreeMap<String, u64>,
}

impl std::ops::AddAssign for Swept {
    fn add_assign(&mut self, other: Swept) {
        self.artifacts += other.artifacts;
        self.trees += other.trees;
        self.builds += other.builds;
        self.in_use += other.in_use;
        self.bytes += other.bytes;
    }
}

impl Store {
    /// Removes artifacts and trees that have been unreferenced for `age`. An item is unreferenced if it is in neither
    /// list, has no handle and belongs to no upload. The time since then is stored, so it counts across restarts.
    pub fn sweep_unneeded(
        &self,
        keep_artifacts: &HashSet<Digest>,
        keep_trees: &HashSet<Digest>,
        age: Duration,
        now_unix_ms: u64,
    ) -> Result<Swept, Error> {
        let layout = &self.0.layout;
        let before = self.unneeded();
        let mut now = Unneeded { swept_unix_ms: now_unix_ms, ..Unneeded::default() };
        let mut swept = Swept::default();
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        // After the clock was set back, times may be in the future.
        let since =
            |known: &BTreeMap<String, u64>, hex: &str| known.get(hex).map_or(now_unix_ms, |at| *at.min(&now_unix_ms));
        for digest in stored(&layout.artifacts())? {
            // The lock is held during check and removal, so that no item is returned that is about to be removed.
            let shelf = self.shelf();
            let is_held = shelf.artifacts.get(&digest).and_then(Weak::upgrade).is_some();
            if is_held || keep_artifacts.contains(&digest) {
                continue;
            }
            let (hex, since) = (digest.hex(), since(&before.artifacts, &digest.hex()));
            if now_unix_ms - since >= age_ms {
                swept.bytes += self.take_away(&layout.artifact(&digest))?;
                swept.artifacts += 1;
            } else {
                now.artifacts.insert(hex, since);
            }
        }
        for digest in stored(&layout.trees())? {
            let shelf = self.shelf();
            let is_held = shelf.trees.get(&digest).and_then(Weak::upgrade).is_some();
            if is_held || keep_trees.contains(&digest) || self.uploaded()?.contains(&digest) {
                continue;
            }
            let (hex, since) = (digest.hex(), since(&before.trees, &digest.hex()));
            if now_unix_ms - since >= age_ms {
                let index = layout.tree_index(&digest);
                if index.exists() {
                    remove(&index)?;
                }
                swept.bytes += self.take_away(&layout.tree(&digest))?;
                swept.trees += 1;
            } else {
                now.trees.insert(hex, since);
            }
        }
        let text = serde_json::to_vec(&now).expect("texts and numbers always have a JSON form");
        let path = layout.unneeded();
        atomic::write(&path, &text, 0o600).context("write", &path)?;
        Ok(swept)
    }

    /// The start of the last sweep of artifacts and trees, by any host, in milliseconds since 1970.
    pub fn last_sweep_unix_ms(&self) -> Option<u64> {
        Some(self.unneeded().swept_unix_ms).filter(|at| *at > 0)
    }

    /// Reduces the build cache to the requested size as far as running builds allow: least recently used entries first.
    /// Downloaded crates and the SDK are kept. Entries of builds without an artifact are removed; with `max_bytes` 0,
    /// all entries are removed.
    ///
    /// Installed files are not touched. May be called during builds, also of other hosts: folders in use are locked.
    pub fn trim_build_cache(&self, max_bytes: u64) -> Result<Swept, Error> {
        let layout = &self.0.layout;
        let mut swept = self.forget_builds(max_bytes == 0)?;
        let mut total = bytes_in(&layout.cache_dir)?;
        if total <= max_bytes {
            return Ok(swept);
        }
        let (mut candidates, mut locks, mut all_are_free) = (vec![], vec![], true);
        for folder in self.target_folders()? {
            match try_lock(&folder.with_extension("lock"))? {
                Some(lock) => {
                    candidates.push((used(&folder), folder));
                    locks.push(lock);
                }
                None => {
                    swept.in_use += 1;
                    all_are_free = false;
                }
            }
        }
        for folder in folders(&layout.work())? {
            let at = used(&folder);
            // No build runs while all target folders are locked here.
            if all_are_free || at.elapsed().is_ok_and(|age| age >= WORK_AGE) {
                candidates.push((at, folder));
            } else {
                swept.in_use += 1;
            }
        }
        candidates.sort();
        for (_, folder) in candidates {
            if total <= max_bytes {
                break;
            }
            let bytes = bytes_in(&folder)?;
            remove(&folder)?;
            swept.bytes += bytes;
            total = total.saturating_sub(bytes);
        }
        drop(locks);
        Ok(swept)
    }

    /// Returns the digest of the tree that the artifact was built from, if it is recorded. The tree may have been
    /// deleted.
    pub fn tree_of(&self, artifact: &Digest) -> Option<Digest> {
        self.provenance(artifact)?.tree
    }

    /// Removes the entries of builds whose artifact does not exist, or all entries.
    fn forget_builds(&self, all: bool) -> Result<Swept, Error> {
        let mut swept = Swept::default();
        for path in files(&self.0.layout.fingerprints())? {
            let is_whole =
                || self.remembered_as(&path).is_some_and(|artifact| self.0.layout.artifact(&artifact).is_dir());
            if all || !is_whole() {
                let bytes = fs::metadata(&path).map(|metadata| metadata.len()).unwrap_or_default();
                match fs::remove_file(&path) {
                    Ok(()) => {
                        swept.builds += 1;
                        swept.bytes += bytes;
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(source) => return Err(Error::Io { action: "remove", path, source }),
                }
            }
        }
        Ok(swept)
    }

    fn target_folders(&self) -> Result<Vec<PathBuf>, Error> {
        let toolchains = folders(&self.0.layout.targets())?;
        let slots = toolchains.iter().map(|toolchain| folders(toolchain)).collect::<Result<Vec<_>, _>>()?;
        Ok(slots.into_iter().flatten().collect())
    }

    fn uploaded(&self) -> Result<HashSet<Digest>, Error> {
        let mut uploaded = HashSet::new();
        for id in self.upload_ids()? {
            uploaded.extend(self.upload_digest(&id)?);
        }
        Ok(uploaded)
    }

    /// Reads the list of unreferenced items. If it cannot be read, it starts empty, so items are kept longer than
    /// necessary.
    fn unneeded(&self) -> Unneeded {
        let text = fs::read(self.0.layout.unneeded()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }
}

/// Locks a target folder if no build uses it.
fn try_lock(path: &Path) -> Result<Option<File>, Error> {
    let file = File::options().create(true).truncate(false).read(true).write(true).open(path).context("open", path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(source)) => Err(Error::Io { action: "lock", path: path.to_owned(), source }),
    }
}

/// The last change in a folder, judged by its first two levels, where cargo writes in each build.
fn used(folder: &Path) -> SystemTime {
    let modified = |path: &Path| fs::symlink_metadata(path).and_then(|metadata| metadata.modified()).ok();
    let below = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.path()).collect()).unwrap_or_default()
    };
    let first = below(folder);
    let second = first.iter().flat_map(|path| below(path)).collect::<Vec<_>>();
    let all = [folder.to_owned()].into_iter().chain(first).chain(second);
    all.filter_map(|path| modified(&path)).max().unwrap_or(SystemTime::UNIX_EPOCH)
}

fn folders(parent: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(children(parent)?.into_iter().filter(|path| path.is_dir()).collect())
}

fn files(parent: &Path) -> Result<Vec<PathBuf>, Error> {
    Ok(children(parent)?.into_iter().filter(|path| path.is_file()).collect())
}

fn children(parent: &Path) -> Result<Vec<PathBuf>, Error> {
    match fs::read_dir(parent) {
        Ok(entries) => entries.map(|entry| Ok(entry.context("list", parent)?.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(vec![]),
        Err(source) => Err(Error::Io { action: "list", path: parent.to_owned(), source }),
    }
}

#[cfg(test)]
mod tests;
