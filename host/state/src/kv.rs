//! The key-value store of plugins: bytes under keys, with versions and quotas.
//!
//! Each plugin has its own keys. A version is a number that increases with every change of any of the plugin's keys and
//! is never reused, so a comparison also detects a key that was deleted and created again.

mod change;

use host_core::{DigestWriter, PluginId};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::{Error, Quota, State};

/// The limits of one plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one key.
    pub max_key_bytes: u64,
    /// Bytes of one value.
    pub max_value_bytes: u64,
    /// Bytes of all keys and values.
    pub max_total_bytes: u64,
    /// The maximum number of keys.
    pub max_keys: u64,
}

/// The condition of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    Always,
    /// The key exists with this version.
    Version(u64),
    /// The key does not exist.
    Absent,
}

/// A value and its version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Vec<u8>,
    /// Its version.
    pub version: u64,
}

/// A key in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The key.
    pub key: String,
    /// The version of its value.
    pub version: u64,
    /// The size of its value.
    pub bytes: u64,
}

/// A part of the keys, in the order of their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The keys.
    pub keys: Vec<Listed>,
    /// Whether there are keys after the last one.
    pub more: bool,
}

/// The number and size of the keys of a plugin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredData {
    /// The number of keys.
    pub keys: u64,
    /// Bytes of all keys and values.
    pub bytes: u64,
}

/// The key-value store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Kv {
    state: State,
    limits: Limits,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { max_key_bytes: 512, max_value_bytes: 1 << 20, max_total_bytes: 64 << 20, max_keys: 100_000 }
    }
}

impl State {
    /// The key-value store of plugins, with these limits.
    pub fn kv(&self, limits: Limits) -> Kv {
        Kv { state: self.clone(), limits }
    }
}

// === impl Kv ===

impl Kv {
    /// The limits of one plugin.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The value of a key.
    ///
    /// # Errors
    /// [`Error::BadKey`]; [`Error::Damaged`] if the stored value is damaged.
    pub async fn get(&self, plugin: &PluginId, key: &str) -> Result<Option<Entry>, Error> {
        self.check_key(key)?;
        let row = sqlx::query("SELECT value, version, checksum FROM kv WHERE plugin = $1 AND key = $2")
            .bind(plugin.as_str())
            .bind(key)
            .fetch_optional(self.state.readers())
            .await;
        let Some(row) = row.map_err(reading)? else { return Ok(None) };
        let entry = Entry { value: row.try_get("value").map_err(reading)?, version: number(&row, "version")? };
        let written: String = row.try_get("checksum").map_err(reading)?;
        if written != checksum(plugin, key, entry.version, &entry.value) {
            return Err(Error::Damaged { key: key.to_owned() });
        }
        Ok(Some(entry))
    }

    /// Writes a value and returns its version when it is on disk.
    ///
    /// # Errors
    /// [`Error::BadKey`], [`Error::Quota`]; [`Error::Changed`] if `condition` does not hold.
    ///
    /// # Cancel safety
    /// If the future is dropped, the value is written completely or not at all.
    pub async fn put(&self, plugin: &PluginId, key: &str, value: Vec<u8>, condition: Condition) -> Result<u64, Error> {
        self.check_key(key)?;
        let (plugin, key, limits) = (plugin.clone(), key.to_owned(), self.limits);
        check_quota(Quota::ValueBytes, limits.max_value_bytes, value.len() as u64)?;
        self.state
            .change(move |connection| Box::pin(change::put(connection, limits, plugin, key, value, condition)))
            .await
    }

    /// Deletes a key, if it has the given `version`. Returns whether it existed.
    ///
    /// # Errors
    /// [`Error::BadKey`]; [`Error::Changed`] if the key does not have the given version.
    ///
    /// # Cancel safety
    /// If the future is dropped, the key may be deleted or not.
    pub async fn delete(&self, plugin: &PluginId, key: &str, version: Option<u64>) -> Result<bool, Error> {
        self.check_key(key)?;
        let (plugin, key) = (plugin.clone(), key.to_owned());
        self.state.change(move |connection| Box::pin(change::delete(connection, plugin, key, version))).await
    }

    /// Returns at most `limit` keys that start with `prefix` and sort after `after`, by their bytes.
    pub async fn list(
        &self,
        plugin: &PluginId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, Error> {
        // One more than requested shows whether there are more. The range has no upper end: the keys are sorted, so the
        // first key without the prefix ends the list.
        let rows = sqlx::query(
            "SELECT key, version, n_bytes FROM kv WHERE plugin = $1 AND key >= $2 AND key > $3 ORDER BY key LIMIT $4",
        )
        .bind(plugin.as_str())
        .bind(prefix)
        // Without `after`, the empty text is bound, which sorts before every key.
        .bind(after.unwrap_or_default())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1))
        .fetch_all(self.state.readers())
        .await
        .map_err(reading)?;
        let mut page = Page::default();
        for row in rows {
            let key: String = row.try_get("key").map_err(reading)?;
            if !key.starts_with(prefix) {
                break;
            }
            if page.keys.len() == limit {
                page.more = true;
                break;
            }
            page.keys.push(Listed { key, version: number(&row, "version")?, bytes: number(&row, "n_bytes")? });
        }
        Ok(page)
    }

    /// Returns the number and size of the keys of a plugin.
    pub async fn stored_data(&self, plugin: &PluginId) -> Result<StoredData, Error> {
        let row = sqlx::query("SELECT n_keys, n_bytes FROM kv_usage WHERE plugin = $1").bind(plugin.as_str());
        match row.fetch_optional(self.state.readers()).await.map_err(reading)? {
            Some(row) => Ok(StoredData { keys: number(&row, "n_keys")?, bytes: number(&row, "n_bytes")? }),
            None => Ok(StoredData::default()),
        }
    }

    /// Deletes all keys of a plugin and returns their number. Its versions continue to increase.
    pub async fn clear(&self, plugin: &PluginId) -> Result<u64, Error> {
        let plugin = plugin.clone();
        self.state.change(move |connection| Box::pin(change::clear(connection, plugin))).await
    }

    fn check_key(&self, key: &str) -> Result<(), Error> {
        let max = self.limits.max_key_bytes;
        let rule = if key.is_empty() || key.len() as u64 > max {
            format!("must have 1 to {max} bytes")
        } else if key.contains(char::is_control) {
            "must not contain control characters".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::BadKey { rule, found: host_core::shown(key, 80) })
    }
}

// === helpers ===

fn check_quota(quota: Quota, limit: u64, asked: u64) -> Result<(), Error> {
    if asked > limit { Err(Error::Quota { quota, limit, asked }) } else { Ok(()) }
}

/// The first 32 hex digits of a digest of plugin, key, version and value. Each field is preceded by its length, so no
/// field can be mistaken for another.
fn checksum(plugin: &PluginId, key: &str, version: u64, value: &[u8]) -> String {
    let mut writer = DigestWriter::new();
    writer.field(plugin.as_str().as_bytes()).field(key.as_bytes()).field(&version.to_le_bytes()).field(value);
    let mut hex = writer.finish().hex();
    hex.truncate(32);
    hex
}

fn number(row: &SqliteRow, column: &str) -> Result<u64, Error> {
    let number: i64 = row.try_get(column).map_err(reading)?;
    Ok(number.unsigned_abs())
}

fn reading(error: sqlx::Error) -> Error {
    Error::sql("read keys", error)
}
