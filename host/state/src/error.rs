//! Errors of the state database.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use host_core::{PluginId, Size};

/// The reason why the state database could not be opened, read or changed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum Error {
    /// The file system reported an error.
    #[error("failed to {action} `{}`", path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    /// The path is a link, a folder or a device.
    #[error("`{}` is not a regular file, so it is not used as the state database; hint: move it away", path.display())]
    NotAFile { path: PathBuf },
    /// The file is not a database or is damaged.
    #[error(
        "`{}` is damaged and was not changed: {reason}; hint: restore a backup, or run `plugin-host rescan`, which moves \
         it aside and rebuilds the state database from the stored records",
        path.display()
    )]
    Corrupt { path: PathBuf, reason: String },
    /// The database belongs to another program.
    #[error(
        "`{}` is a database of another program and was not changed; hint: move it away, or run `plugin-host rescan`, which \
         moves it aside and rebuilds the state database from the stored records",
        path.display()
    )]
    Foreign { path: PathBuf },
    /// A newer host has written the file.
    #[error(
        "`{}` has schema {found}, but this host supports schemas up to {known}; \
         hint: run the newer host, or restore an older backup",
        path.display()
    )]
    Newer {
        path: PathBuf,
        /// The newest migration in the file.
        found: i64,
        /// The newest migration of this host.
        known: i64,
    },
    /// The disk is full.
    #[error("failed to {action}: the disk is full; hint: free some space and retry; nothing was changed")]
    Full { action: &'static str, source: Arc<sqlx::Error> },
    /// The database reported an error.
    #[error("failed to {action}")]
    Sql { action: &'static str, source: Arc<sqlx::Error> },
    /// The system provided no random bytes.
    #[error("failed to get random bytes: {reason}")]
    Random { reason: String },
    /// A sealed value cannot be decrypted.
    #[error(
        "failed to decrypt the secret of `{context}`: {reason}; \
         hint: restore the `seal.key` that belongs to this database, or set the value again"
    )]
    Sealed { context: String, reason: &'static str },
    /// A value to be stored has the form of a sealed value.
    #[error("`{pointer}` has the key `$sealed`, which is reserved for encrypted secrets; hint: use another name")]
    LooksSealed {
        /// Where, as a JSON pointer.
        pointer: String,
    },
    /// The state database was closed before.
    #[error("the state database is closed, because the host is shutting down; hint: retry after it has restarted")]
    Closed,
    /// The text is not a valid key.
    #[error("a key {rule}, found `{found}`")]
    BadKey {
        rule: String,
        /// The text, shortened to 80 characters, with escaped control characters.
        found: String,
    },
    /// A change would exceed a limit of the plugin.
    #[error("{quota} is {}, and this change would reach {asked}; hint: delete keys, or store less", quota.shown(*limit))]
    Quota { quota: Quota, limit: u64, asked: u64 },
    /// The condition of a change does not hold.
    #[error("key `{key}` {found}, so it was not changed; hint: read it again")]
    Changed { key: String, found: Found },
    /// The plugin was changed after the revision that the change is based on.
    #[error("`{plugin}` now has revision {found}, not {expected}; hint: read it again")]
    Stale {
        plugin: PluginId,
        /// The revision that the change was made from; 0 for none.
        expected: u64,
        /// The newest revision; 0 for none.
        found: u64,
    },
    /// A revision is damaged.
    #[error("revision {number} is damaged on disk: {reason}")]
    DamagedRevision { number: u64, reason: String },
    /// The record of a job is damaged.
    #[error("the record of job `{id}` is damaged on disk; hint: start the operation again")]
    DamagedJob { id: String },
    /// A stored value is damaged.
    #[error("the value of key `{key}` is damaged on disk; hint: write or delete the key")]
    Damaged { key: String },
}

/// A limit of what one plugin may put into the key-value store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// The bytes of one value.
    ValueBytes,
    /// The bytes of all keys and values together.
    TotalBytes,
    /// The number of keys.
    Keys,
}

/// The actual state of a key whose condition does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The key with this version.
    Version(u64),
    /// No such key.
    Nothing,
}

impl Error {
    /// The stable error code for clients, metrics and tests.
    pub fn code(&self) -> &'static str {
        match self {
            Error::Io { .. } => "state_io",
            Error::NotAFile { .. } => "state_not_a_file",
            Error::Corrupt { .. } => "state_corrupt",
            Error::Foreign { .. } => "state_foreign",
            Error::Newer { .. } => "state_newer",
            Error::Full { .. } => "state_full",
            Error::Sql { .. } => "state_sql",
            Error::Random { .. } => "state_random",
            Error::Sealed { .. } => "state_sealed",
            Error::LooksSealed { .. } => "state_looks_sealed",
            Error::Closed => "state_closed",
            Error::BadKey { .. } => "kv_bad_key",
            Error::Quota { .. } => "kv_quota",
            Error::Changed { .. } => "kv_changed",
            Error::Stale { .. } => "state_stale",
            Error::DamagedRevision { .. } => "state_damaged",
            Error::Damaged { .. } => "kv_damaged",
            Error::DamagedJob { .. } => "job_damaged",
        }
    }

    /// The error of the database during `action`.
    pub(crate) fn sql(action: &'static str, source: impl Into<Arc<sqlx::Error>>) -> Error {
        let source = source.into();
        match &*source {
            sqlx::Error::PoolClosed => Error::Closed,
            error if is_full(error) => Error::Full { action, source },
            _ => Error::Sql { action, source },
        }
    }
}

fn is_full(error: &sqlx::Error) -> bool {
    // The primary code is the low byte of SQLite's extended code; 13 is SQLITE_FULL. If an index of its log cannot
    // grow, SQLite returns SQLITE_IOERR_SHMSIZE.
    code(error).is_some_and(|code| code & 0xff == 13 || code == 4874)
}

/// SQLite's extended result code.
pub(crate) fn code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

impl Quota {
    /// The limit as it is shown: a size or a number of keys.
    fn shown(self, limit: u64) -> String {
        match self {
            Quota::ValueBytes | Quota::TotalBytes => Size::new(limit).to_string(),
            Quota::Keys => limit.to_string(),
        }
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Quota::ValueBytes => "the limit `kv_max_value_bytes` of a value",
            Quota::TotalBytes => "the limit `kv_max_total_bytes` of a plugin's keys and values",
            Quota::Keys => "the maximum number of keys of a plugin",
        })
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Version(version) => write!(f, "has version {version}"),
            Found::Nothing => f.write_str("does not exist"),
        }
    }
}
