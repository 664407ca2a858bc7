//! The handle of the database: one writer, a few readers.

use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::Connection as _;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use crate::audit_head::Written;
use crate::writer::Writer;
use crate::{Error, migrate};

/// The name of the database in the plugin folder.
pub const FILE_NAME: &str = "state.db";

/// Only the owner may read it: plugins may keep secrets in their keys.
const MODE: u32 = 0o600;
/// Every commit waits until the disk confirms it. With `NORMAL`, a power failure, though not a kill, would lose the
/// last acknowledged changes. Measured with values of 100 bytes on ext4 in a virtual machine, debug build: 1.2 ms per
/// single put instead of 0.7 ms, and 0.5 ms instead of 0.4 ms per put if 32 wait at once and share commits. Durability
/// is worth that.
const SYNCHRONOUS: SqliteSynchronous = SqliteSynchronous::Full;
/// The number of concurrent reads.
const READERS: u32 = 4;
/// The time that another program with the file open may block the host.
const BUSY: Duration = Duration::from_secs(30);

/// The open database. Cheap to clone; all clones share the connections.
#[derive(Clone, Debug)]
pub struct State {
    path: Arc<PathBuf>,
    readers: SqlitePool,
    writer: Writer,
    audit_written: Written,
}

impl State {
    /// Opens the database in `folder`, creates it if it is missing, and migrates it to this host's schema.
    ///
    /// Acknowledged changes survive `kill -9` of the host, and a power failure if the disk keeps confirmed
    /// writes: every commit waits for the disk.
    ///
    /// An existing file is checked completely first, which takes about half a second per gigabyte (measured: 27 ms for
    /// 60 MB).
    ///
    /// # Errors
    /// [`Error::Corrupt`], [`Error::Foreign`], [`Error::Newer`] and [`Error::NotAFile`] leave the file unchanged.
    pub async fn open(folder: &Path) -> Result<State, Error> {
        let path = folder.join(FILE_NAME);
        make(&path)?;
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(false).busy_timeout(BUSY);
        let refused = |error| migrate::refusal(&path, error);
        let mut looker = SqliteConnection::connect_with(&options.clone().read_only(true)).await.map_err(refused)?;
        let checked = migrate::check(&path, &mut looker).await;
        let _ = looker.close().await;
        let applied = checked?;
        let writing = options
            .clone()
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SYNCHRONOUS)
            // After a large change the log is cut back to this many bytes.
            .pragma("journal_size_limit", "67108864")
            .pragma("trusted_schema", "OFF");
        let mut connection = SqliteConnection::connect_with(&writing).await.map_err(refused)?;
        migrate::migrate(&mut connection, applied).await?;
        let reading = options.read_only(true).pragma("trusted_schema", "OFF");
        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_lazy_with(reading);
        Ok(State {
            path: Arc::new(path),
            readers,
            writer: Writer::start(connection),
            audit_written: Written::default(),
        })
    }

    /// The path of the database.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Commits waiting changes and closes the file. Later calls get [`Error::Closed`].
    pub async fn close(&self) {
        // The writer is closed last: the last connection moves the log into the file.
        self.readers.close().await;
        self.writer.close().await;
    }

    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    pub(crate) fn audit_written(&self) -> &Written {
        &self.audit_written
    }

    /// Makes a change in a transaction and returns when it is committed. An error undoes the change.
    pub(crate) async fn change<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> BoxFuture<'c, Result<T, Error>> + Send + 'static,
    {
        self.writer.change(work).await
    }
}

/// Creates an empty file for the owner only, or checks that the existing one is a file and removes the access of
/// others. SQLite gives its additional files the same mode.
fn make(path: &Path) -> Result<(), Error> {
    let failed = |action| move |source| Error::Io { action, path: path.to_owned(), source };
    if !path.exists() && beside(path, "-wal").metadata().is_ok_and(|log| log.len() > 0) {
        // SQLite would apply the log of a lost database to the new one.
        let reason = "it is missing, but its log is there".to_owned();
        return Err(Error::Corrupt { path: path.to_owned(), reason });
    }
    match OpenOptions::new().write(true).create_new(true).mode(MODE).open(path) {
        Ok(_) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed("create")(error)),
    }
    let found = path.symlink_metadata().map_err(failed("read the metadata of"))?;
    if !found.is_file() {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    if found.permissions().mode() & 0o777 != MODE {
        std::fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(failed("set the mode of"))?;
    }
    Ok(())
}

/// The path of one of SQLite's additional files.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
