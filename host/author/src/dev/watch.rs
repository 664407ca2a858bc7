//! Watches a plugin folder for changes.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, Event, EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::timeout;

use host_client::Failure;

/// Quiet time after the last event, because editors write a file in several steps.
const QUIET: Duration = Duration::from_millis(30);
/// Longest wait for the quiet time.
const LONGEST: Duration = Duration::from_millis(500);
/// Maximum number of watched folders; a larger tree would be refused when it is fetched.
const MAX_FOLDERS: usize = 10_000;

/// A watch of a folder and of a single file elsewhere.
pub(super) struct Watch {
    watcher: RecommendedWatcher,
    changes: mpsc::UnboundedReceiver<notify::Result<Event>>,
    folder: PathBuf,
    /// Absolute.
    file: Option<PathBuf>,
    watched: HashSet<PathBuf>,
    /// Whether temporary files of editors count: one of them may be the reason why the last load failed.
    counts_temporary: bool,
}

impl Watch {
    /// Starts to watch. `folder` is absolute and without symbolic links.
    ///
    /// # Errors
    /// The limit of inotify watches is reached, or the folder cannot be read.
    pub(super) fn new(folder: &Path, file: Option<&Path>) -> Result<Watch, Failure> {
        let (sender, changes) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // Reading a folder creates events too; reacting to them would create an endless loop.
            if event.as_ref().map_or(true, |event| event.need_rescan() || is_change(event.kind)) {
                // The receiver is dropped when the command ends.
                let _ = sender.send(event);
            }
        });
        let watcher = watcher.map_err(|error| failure(&error))?;
        let file = file.map(|file| match (file.parent().map(Path::canonicalize), file.file_name()) {
            (Some(Ok(folder)), Some(name)) => folder.join(name),
            _ => std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
        });
        let mut watch = Watch {
            watcher,
            changes,
            folder: folder.to_owned(),
            file: file.clone(),
            watched: HashSet::new(),
            counts_temporary: false,
        };
        watch.add_all(folder)?;
        if let Some(folder) = file.as_deref().and_then(Path::parent).filter(|folder| folder.is_dir()) {
            watch.add(folder)?;
        }
        Ok(watch)
    }

    /// Waits for a change and the quiet time after it; returns the time of the first event. After a failed load,
    /// temporary files of editors count as well. Not cancel safe.
    ///
    /// # Errors
    /// The folder can no longer be watched.
    pub(super) async fn changed(&mut self, has_failed: bool) -> Result<Instant, Failure> {
        self.counts_temporary = has_failed;
        let ended = || Failure::failed("the folder can no longer be watched").fix("start the command again");
        while !self.take_next().await.ok_or_else(ended)?? {}
        let began = Instant::now();
        while began.elapsed() < LONGEST {
            match timeout(QUIET, self.take_next()).await {
                Ok(taken) => _ = taken.ok_or_else(ended)??,
                Err(_) => break,
            }
        }
        Ok(began)
    }

    /// Receives an event and returns whether it concerns the plugin.
    async fn take_next(&mut self) -> Option<Result<bool, Failure>> {
        let event = match self.changes.recv().await? {
            Ok(event) => event,
            Err(error) => return Some(Err(failure(&error))),
        };
        if event.need_rescan() {
            return Some(self.add_all(&self.folder.clone()).map(|()| true));
        }
        let mut is_ours = false;
        let is_gone = matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)));
        if is_gone && event.paths.contains(&self.folder) {
            // A folder created under this name later is another folder, which is not watched.
            let gone = Failure::failed(format!("the folder `{}` was moved or removed", self.folder.display()));
            return Some(Err(gone.fix("start the command again in the plugin's new folder")));
        }
        for path in &event.paths {
            if !self.counts(path) {
                continue;
            }
            is_ours = true;
            if path.is_dir()
                && let Err(failure) = self.add_all(path)
            {
                return Some(Err(failure));
            }
            if matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))) && !path.exists() {
                // A folder created under this name later is another folder.
                self.watched.retain(|folder| !folder.starts_with(path));
            }
        }
        Some(Ok(is_ours))
    }

    fn counts(&self, path: &Path) -> bool {
        self.file.as_deref() == Some(path)
            || path.strip_prefix(&self.folder).is_ok_and(|inside| {
                !is_left_out(&self.folder, inside) && (self.counts_temporary || !is_temporary(inside))
            })
    }

    /// Watches a folder and its subfolders.
    fn add_all(&mut self, folder: &Path) -> Result<(), Failure> {
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let inside = folder.strip_prefix(&self.folder).unwrap_or(&folder);
            if self.watched.len() >= MAX_FOLDERS || is_left_out(&self.folder, inside) || is_temporary(inside) {
                continue;
            }
            self.add(&folder)?;
            // An unreadable folder is reported when the plugin is fetched.
            let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            let inner = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            folders.extend(inner.map(|entry| entry.path()));
        }
        Ok(())
    }

    fn add(&mut self, folder: &Path) -> Result<(), Failure> {
        if !self.watched.insert(folder.to_owned()) {
            return Ok(());
        }
        match self.watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => Ok(()),
            // The folder has been deleted.
            Err(_) if !folder.is_dir() => {
                self.watched.remove(folder);
                Ok(())
            }
            Err(error) => Err(failure(&error)),
        }
    }
}

fn failure(error: &notify::Error) -> Failure {
    Failure::from_error("failed to watch the folder", error)
        .fix("raise fs.inotify.max_user_watches and fs.inotify.max_user_instances with sysctl, or stop other programs that watch files")
}

/// Returns whether an event is a change of content. Reads and changes of times or owners are not.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(kind) => kind == AccessKind::Close(AccessMode::Write),
        EventKind::Modify(ModifyKind::Metadata(_)) => false,
        _ => true,
    }
}

/// Returns whether a path is not fetched: build output, git data or build configuration.
fn is_left_out(folder: &Path, inside: &Path) -> bool {
    let mut place = folder.to_owned();
    for part in inside.iter() {
        let is_build_output = part == "target" && place.join("Cargo.toml").is_file();
        if part == ".git" || part == ".cargo" || is_build_output {
            return true;
        }
        place.push(part);
    }
    false
}

/// Returns whether a path is a temporary file of an editor or an archive of `pack`.
fn is_temporary(inside: &Path) -> bool {
    let name = inside.file_name().unwrap_or_default().to_string_lossy();
    let is_swap = name.starts_with('.') && [".swp", ".swo", ".swx"].iter().any(|end| name.ends_with(end));
    is_swap
        || name.ends_with('~')
        || name.starts_with(".#")
        || (name.starts_with('#') && name.ends_with('#'))
        || (inside.components().count() == 1 && name.ends_with(".zip"))
        || name == "4913"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_not_fetched_are_not_watched() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::File::create(folder.path().join("Cargo.toml")).unwrap();
        for (path, expected) in [
            ("src/lib.rs", false),
            ("plugin.yaml", false),
            ("src/target/mod.rs", false),
            ("target/debug/x", true),
            (".git/index", true),
            (".cargo/config.toml", true),
            (".github/ci.yml", false),
            ("src/.lib.rs.swp", true),
            ("src/lib.rs~", true),
            ("src/.#lib.rs", true),
            ("4913", true),
            ("my-plugin-0.1.0.zip", true),
        ] {
            let path = Path::new(path);
            assert_eq!(is_left_out(folder.path(), path) || is_temporary(path), expected, "{}", path.display());
        }
    }
}
