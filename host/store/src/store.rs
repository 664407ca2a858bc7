//! [`Store`]: opens and locks the data folders, and knows the paths in them.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_core::Digest;
use parking_lot::{Mutex, MutexGuard};

use crate::atomic::remove;
use crate::error::IoContext as _;
use crate::layout::{Layout, make_dir};
use crate::shelf::Shelf;
use crate::{Error, TempDir, atomic, shown};

/// The age from which unfinished files in the build cache belong to no running process.
const CACHE_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// The time to wait for the lock: if a host is killed while it starts a program, the new process holds the lock until
/// it has executed the program.
const LOCK_PATIENCE: Duration = Duration::from_millis(500);
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The data folders and the limits of trees.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of installed plugins.
    pub plugin_dir: PathBuf,
    /// The build cache; can be deleted while no build runs.
    pub cache_dir: PathBuf,
    /// The limits of a tree.
    pub limits: TreeLimits,
}

/// The limits of a tree. Enforced while its files are written.
#[derive(Clone, Copy, Debug)]
pub struct TreeLimits {
    /// The maximum number of files.
    pub max_files: usize,
    /// The maximum size of all files together.
    pub max_total_bytes: u64,
    /// The maximum size of one file.
    pub max_file_bytes: u64,
}

impl Default for TreeLimits {
    /// 10,000 files, 256 MiB in total, 100 MiB per file.
    fn default() -> TreeLimits {
        TreeLimits { max_files: 10_000, max_total_bytes: 256 << 20, max_file_bytes: 100 << 20 }
    }
}

/// The data folders, locked by this process. Cheap to clone.
#[derive(Clone)]
pub struct Store(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) layout: Layout,
    pub(crate) limits: TreeLimits,
    pub(crate) shelf: Mutex<Shelf>,
    /// The lock file, locked until the store is dropped.
    _lock: File,
}

impl Store {
    /// Creates both folders if necessary, locks the plugin folder and removes unfinished files.
    ///
    /// The lock is held until the last clone is dropped or the process ends, even by `kill -9`.
    ///
    /// # Errors
    /// [`Error::Locked`] if another host uses the plugin folder.
    pub fn open(config: Config) -> Result<Store, Error> {
        let layout = Layout::make(&config.plugin_dir, &config.cache_dir)?;
        shown::call(&layout.plugin_dir, "<PLUGIN_DIR>");
        shown::call(&layout.cache_dir, "<PLUGIN_CACHE_DIR>");
        let lock = take_lock(&layout)?;
        let tmp = layout.tmp();
        for entry in fs::read_dir(&tmp).context("list", &tmp)? {
            let path = entry.context("list", &tmp)?.path();
            remove(&path)?;
        }
        for folder in [layout.plugin_dir.clone(), layout.trees(), layout.records(), layout.uploads()] {
            atomic::sweep(&folder, Duration::ZERO).context("sweep", &folder)?;
        }
        // Other hosts may share the build cache and be writing there.
        for folder in [layout.fingerprints(), layout.sdk(), layout.cache_dir.clone()] {
            if let Err(error) = atomic::sweep(&folder, CACHE_AGE)
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::debug!(path = %folder.display(), error = &error as &dyn std::error::Error, "not swept");
            }
        }
        let tag = layout.cache_tag();
        if !tag.exists() {
            // Backup programs skip folders that contain this file.
            atomic::write(&tag, b"Signature: 8a477f597d28d172789f06886806bc55\n", 0o644).context("write", &tag)?;
        }
        Ok(Store(Arc::new(Inner { layout, limits: config.limits, shelf: Mutex::default(), _lock: lock })))
    }

    /// A private folder below `plugin_dir/tmp`, removed on drop.
    pub fn temp_dir(&self) -> Result<TempDir, Error> {
        let tmp = self.0.layout.tmp();
        tempfile::TempDir::new_in(&tmp).map(TempDir).context("create folder in", &tmp)
    }

    /// Writes `bytes` to `path` atomically, readable by the owner only.
    pub fn write_private(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        atomic::write(path, bytes, 0o600).context("write", path)
    }

    /// The limits of a tree.
    pub fn limits(&self) -> TreeLimits {
        self.0.limits
    }

    /// The folder of installed plugins. Absolute.
    pub fn plugin_dir(&self) -> &Path {
        &self.0.layout.plugin_dir
    }

    /// The build cache. Absolute.
    pub fn cache_dir(&self) -> &Path {
        &self.0.layout.cache_dir
    }

    /// The path of the file with the crashes of the host.
    pub fn crash_log_path(&self) -> PathBuf {
        self.0.layout.crash_log()
    }

    /// The path of the initial admin token.
    pub fn initial_admin_token_path(&self) -> PathBuf {
        self.0.layout.initial_admin_token()
    }

    /// Cargo's home for builds: registry index and downloaded crates.
    pub fn cargo_home(&self) -> PathBuf {
        on_demand(self.0.layout.cargo_home())
    }

    /// An empty folder in which cargo is started, so that it finds no configuration of a plugin.
    pub fn empty_dir(&self) -> PathBuf {
        on_demand(self.0.layout.empty())
    }

    /// The path of the SDK copy with this digest. Only its parent is created: the copy is renamed into place, so that
    /// its existence means that it is complete.
    pub fn sdk_dir(&self, digest: &Digest) -> PathBuf {
        on_demand(self.0.layout.sdk()).join(digest.hex())
    }

    /// The cargo target folder of one build slot of one toolchain. A `toolchain` that is not hex digits is hashed.
    pub fn target_dir(&self, toolchain: &str, slot: usize) -> PathBuf {
        let is_hex = !toolchain.is_empty() && toolchain.len() <= 64 && toolchain.bytes().all(|c| c.is_ascii_hexdigit());
        let name = if is_hex { toolchain.to_owned() } else { Digest::compute(toolchain.as_bytes()).hex() };
        on_demand(self.0.layout.targets().join(name).join(slot.to_string()))
    }

    /// Waits until no other process uses a cargo target folder, and locks it until the file is dropped. The content of
    /// the file belongs to the holder of the lock. Blocks.
    ///
    /// # Errors
    /// The lock file could not be created or locked.
    pub fn lock_target(&self, toolchain: &str, slot: usize) -> Result<File, Error> {
        let path = self.target_dir(toolchain, slot).with_extension("lock");
        let file =
            File::options().create(true).truncate(false).read(true).write(true).open(&path).context("open", &path)?;
        file.lock().context("lock", &path)?;
        Ok(file)
    }

    /// A scratch folder for the build with this fingerprint.
    pub fn work_dir(&self, fingerprint: &Digest) -> PathBuf {
        on_demand(self.0.layout.work().join(fingerprint.hex()))
    }

    pub(crate) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // A panic of another thread cannot leave a map in an inconsistent state.
        self.0.shelf.lock()
    }
}

fn take_lock(layout: &Layout) -> Result<File, Error> {
    let path = layout.lock();
    let file = File::options().create(true).truncate(false).write(true).open(&path).context("open", &path)?;
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => return Err(Error::Locked { path: layout.plugin_dir.clone() }),
            Err(TryLockError::Error(source)) => return Err(Error::Io { action: "lock", path, source }),
        }
    }
}

/// Creates a build folder on demand, because the build cache can be deleted while no build runs. A failure is
/// reported, with the path, when the folder is used.
fn on_demand(path: PathBuf) -> PathBuf {
    if let Err(error) = make_dir(&path) {
        tracing::warn!(path = %path.display(), error = &error as &dyn std::error::Error, "no build folder");
    }
    path
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A store in its own folder.
    pub(crate) struct TestStore {
        pub(crate) store: Store,
        pub(crate) folder: tempfile::TempDir,
    }

    pub(crate) fn config(folder: &Path) -> Config {
        Config {
            plugin_dir: folder.join("cache"),
            cache_dir: folder.join("build_cache"),
            limits: TreeLimits { max_files: 5, max_total_bytes: 1000, max_file_bytes: 600 },
        }
    }

    pub(crate) fn store() -> TestStore {
        let folder = tempfile::tempdir().unwrap();
        TestStore { store: Store::open(config(folder.path())).unwrap(), folder }
    }

    impl TestStore {
        pub(crate) fn assert_no_temp_files(&self) {
            assert_eq!(fs::read_dir(self.store.0.layout.tmp()).unwrap().count(), 0);
        }
    }

    #[test]
    fn only_one_host_can_open_a_plugin_folder() {
        let first = store();
        let Err(error) = Store::open(config(first.folder.path())) else { panic!("opened twice") };
        assert_eq!(error.code(), "store_locked");
        assert!(error.to_string().contains(&first.store.plugin_dir().display().to_string()), "{error}");

        let folder = first.folder;
        drop(first.store);
        assert!(Store::open(config(folder.path())).is_ok());
    }

    #[test]
    fn opening_a_store_removes_unfinished_files_of_a_crash() {
        let TestStore { store, folder } = store();
        let left = store.temp_dir().unwrap().0.keep();
        fs::create_dir(left.join("deep")).unwrap();
        let half = store.plugin_dir().join("trees/.unfinished-1");
        File::create(&half).unwrap();
        drop(store);
        let store = Store::open(config(folder.path())).unwrap();
        assert!(!left.exists() && !half.exists());
        TestStore { store, folder }.assert_no_temp_files();
    }

    #[test]
    fn the_plugin_folder_must_not_be_inside_the_build_cache() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        config.plugin_dir = config.cache_dir.join("plugins");
        assert_eq!(Store::open(config).err().map(|error| error.code()), Some("store_overlap"));
    }

    #[test]
    fn build_folders_are_below_the_cache_and_are_created_again_when_deleted() {
        let TestStore { store, folder: _folder } = store();
        let fingerprint = Digest::compute(b"x");
        let folders =
            || [store.cargo_home(), store.empty_dir(), store.work_dir(&fingerprint), store.target_dir("ab", 0)];
        fs::remove_dir_all(store.cache_dir()).unwrap();
        for folder in folders() {
            assert!(folder.is_dir() && folder.starts_with(store.cache_dir()), "{folder:?}");
        }
        assert!(store.target_dir("../../etc", 1).starts_with(store.cache_dir().join("targets")));
        assert!(!store.target_dir("../../etc", 1).display().to_string().contains(".."));
        assert!(!store.sdk_dir(&fingerprint).exists());
    }

    #[test]
    fn private_files_are_readable_by_the_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let TestStore { store, folder: _folder } = store();
        let path = store.initial_admin_token_path();
        store.write_private(&path, b"secret").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(store.plugin_dir()).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
