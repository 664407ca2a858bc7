//! Moving a damaged database aside and putting a new one in its place.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::state::beside;
use crate::{Error, FILE_NAME, State};

/// The endings of SQLite's additional files.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

impl State {
    /// Returns whether `folder` contains a database, of any kind, or a part of one.
    pub fn is_there(folder: &Path) -> bool {
        let path = folder.join(FILE_NAME);
        [""].iter().chain(&BESIDE).any(|ending| beside(&path, ending).symlink_metadata().is_ok())
    }

    /// Moves the database in `folder` to `state.db.damaged-<unix_seconds>` beside it, together with SQLite's additional
    /// files, which keep their endings. Nothing is deleted. Returns its new path; `None` if there was none. Blocks.
    ///
    /// If this is interrupted between two files, the next call moves the rest.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn put_aside(folder: &Path, unix_seconds: u64) -> Result<Option<PathBuf>, Error> {
        if !State::is_there(folder) {
            return Ok(None);
        }
        let path = folder.join(FILE_NAME);
        let is_free = |aside: &PathBuf| [""].iter().chain(&BESIDE).all(|ending| !beside(aside, ending).exists());
        let names = (unix_seconds..).map(|seconds| beside(&path, &format!(".damaged-{seconds}")));
        let aside = names.into_iter().find(is_free).unwrap_or_else(|| beside(&path, ".damaged"));
        // The database first: a log that is left without one is refused, a database without its log might be taken.
        for ending in [""].iter().chain(&BESIDE) {
            match fs::rename(beside(&path, ending), beside(&aside, ending)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                moved => moved.map_err(failed("move aside", &path))?,
            }
        }
        sync(folder)?;
        Ok(Some(aside))
    }

    /// Opens the database in `folder`, as [`State::open`] does; `None` when none is there.
    ///
    /// # Errors
    /// As [`State::open`].
    pub async fn open_existing(folder: &Path) -> Result<Option<State>, Error> {
        if State::is_there(folder) { State::open(folder).await.map(Some) } else { Ok(None) }
    }

    /// The number of readable plugin keys in the database at `path`, which may be damaged; `None` if it cannot be read.
    pub async fn readable_keys(path: &Path) -> Option<u64> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await.ok()?;
        // Read completely: a damaged page is noticed only when it is read.
        let read = sqlx::query_scalar::<_, i64>("SELECT COUNT(value) FROM kv WHERE LENGTH(value) >= 0");
        let n_keys = read.fetch_one(&mut connection).await.ok();
        let _ = connection.close().await;
        n_keys.map(i64::unsigned_abs)
    }

    /// Moves the closed database in the folder `from` to `folder`, which must not contain one. Both are on the same
    /// disk. Blocks.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn put_in_place(from: &Path, folder: &Path) -> Result<(), Error> {
        let (from, path) = (from.join(FILE_NAME), folder.join(FILE_NAME));
        File::open(&from).and_then(|file| file.sync_all()).map_err(failed("sync", &from))?;
        fs::rename(&from, &path).map_err(failed("put in place", &path))?;
        sync(folder)
    }
}

fn sync(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("sync", folder))
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_files_of_a_database_are_moved_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        assert_eq!(State::put_aside(folder.path(), 7).unwrap(), None);
        for name in ["state.db", "state.db-wal", "state.db.damaged-7", "state.db.damaged-8-wal"] {
            File::create(file(name)).unwrap();
        }
        assert!(State::is_there(folder.path()));
        assert_eq!(State::put_aside(folder.path(), 7).unwrap(), Some(file("state.db.damaged-9")));
        assert!(file("state.db.damaged-9").exists() && file("state.db.damaged-9-wal").exists());
        assert!(!State::is_there(folder.path()));

        // Cut off after the first file.
        File::create(file("state.db-wal")).unwrap();
        assert!(State::is_there(folder.path()));
        assert_eq!(State::put_aside(folder.path(), 20).unwrap(), Some(file("state.db.damaged-20")));
        assert!(file("state.db.damaged-20-wal").exists());
    }

    #[tokio::test]
    async fn a_database_created_elsewhere_replaces_the_old_one() {
        let (made, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        State::open(made.path()).await.unwrap().close().await;
        State::put_in_place(made.path(), folder.path()).unwrap();
        assert!(!State::is_there(made.path()), "nothing of it is left behind");
        State::open(folder.path()).await.unwrap();
    }

    #[tokio::test]
    async fn a_log_without_its_database_is_not_applied_to_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::copy("/proc/self/exe", folder.path().join("state.db-wal")).unwrap();
        assert_eq!(State::open(folder.path()).await.unwrap_err().code(), "state_corrupt");
        assert!(!folder.path().join(FILE_NAME).exists());
    }
}
