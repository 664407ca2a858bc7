//! Changes of keys within a transaction of the writer, with their effect on the plugin's usage.

use host_core::PluginId;
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::{Condition, Limits, check_quota, checksum, number};
use crate::error::Found;
use crate::{Error, Quota};

/// The state found by a change.
#[derive(Default)]
struct Before {
    keys: u64,
    bytes: u64,
    last_version: u64,
    /// The version of the key and the bytes of its value.
    key: Option<(u64, u64)>,
}

pub(super) async fn put(
    connection: &mut SqliteConnection,
    limits: Limits,
    plugin: PluginId,
    key: String,
    value: Vec<u8>,
    condition: Condition,
) -> Result<u64, Error> {
    let before = before(connection, &plugin, &key).await?;
    let found = before.key.map_or(Found::Nothing, |(version, _)| Found::Version(version));
    match (condition, found) {
        (Condition::Always, _) | (Condition::Absent, Found::Nothing) => {}
        (Condition::Version(asked), Found::Version(version)) if asked == version => {}
        _ => return Err(Error::Changed { key, found }),
    }
    let n_bytes = value.len() as u64;
    let (keys, bytes) = match before.key {
        Some((_, n_before)) => (before.keys, before.bytes.saturating_sub(n_before) + n_bytes),
        None => (before.keys + 1, before.bytes + key.len() as u64 + n_bytes),
    };
    // A value that replaces a larger one is always accepted, so that a plugin can get below a lowered limit.
    if keys > before.keys {
        check_quota(Quota::Keys, limits.max_keys, keys)?;
    }
    if bytes > before.bytes {
        check_quota(Quota::TotalBytes, limits.max_total_bytes, bytes)?;
    }
    let version = before.last_version + 1;
    sqlx::query(
        "INSERT INTO kv (plugin, key, version, n_bytes, checksum, value) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (plugin, key) DO UPDATE SET version = excluded.version, n_bytes = excluded.n_bytes,
         checksum = excluded.checksum, value = excluded.value",
    )
    .bind(plugin.as_str())
    .bind(&key)
    .bind(signed(version))
    .bind(signed(n_bytes))
    .bind(checksum(&plugin, &key, version, &value))
    .bind(&value)
    .execute(&mut *connection)
    .await
    .map_err(writing)?;
    set_usage(connection, &plugin, keys, bytes, version).await?;
    Ok(version)
}

pub(super) async fn delete(
    connection: &mut SqliteConnection,
    plugin: PluginId,
    key: String,
    version: Option<u64>,
) -> Result<bool, Error> {
    let before = before(connection, &plugin, &key).await?;
    let (found, n_bytes) = match (before.key, version) {
        (None, None) => return Ok(false),
        (None, Some(_)) => return Err(Error::Changed { key, found: Found::Nothing }),
        (Some(found), _) => found,
    };
    if version.is_some_and(|asked| asked != found) {
        return Err(Error::Changed { key, found: Found::Version(found) });
    }
    let row = sqlx::query("DELETE FROM kv WHERE plugin = $1 AND key = $2").bind(plugin.as_str()).bind(&key);
    row.execute(&mut *connection).await.map_err(writing)?;
    let bytes = before.bytes.saturating_sub(key.len() as u64 + n_bytes);
    set_usage(connection, &plugin, before.keys.saturating_sub(1), bytes, before.last_version + 1).await?;
    Ok(true)
}

pub(super) async fn clear(connection: &mut SqliteConnection, plugin: PluginId) -> Result<u64, Error> {
    let keys = sqlx::query("DELETE FROM kv WHERE plugin = $1").bind(plugin.as_str());
    let n_deleted = keys.execute(&mut *connection).await.map_err(writing)?.rows_affected();
    let usage = sqlx::query("UPDATE kv_usage SET n_keys = 0, n_bytes = 0 WHERE plugin = $1").bind(plugin.as_str());
    usage.execute(connection).await.map_err(writing)?;
    Ok(n_deleted)
}

async fn before(connection: &mut SqliteConnection, plugin: &PluginId, key: &str) -> Result<Before, Error> {
    let row = sqlx::query(
        "SELECT u.n_keys, u.n_bytes, u.last_version, k.version AS key_version, k.n_bytes AS key_bytes
         FROM kv_usage u LEFT JOIN kv k ON k.plugin = u.plugin AND k.key = $2 WHERE u.plugin = $1",
    )
    .bind(plugin.as_str())
    .bind(key)
    .fetch_optional(connection)
    .await;
    let Some(row) = row.map_err(writing)? else { return Ok(Before::default()) };
    let version: Option<i64> = row.try_get("key_version").map_err(writing)?;
    let key = match version {
        Some(version) => Some((version.unsigned_abs(), number(&row, "key_bytes")?)),
        None => None,
    };
    let (keys, bytes) = (number(&row, "n_keys")?, number(&row, "n_bytes")?);
    Ok(Before { keys, bytes, last_version: number(&row, "last_version")?, key })
}

async fn set_usage(
    connection: &mut SqliteConnection,
    plugin: &PluginId,
    keys: u64,
    bytes: u64,
    last_version: u64,
) -> Result<(), Error> {
    sqlx::query(
        "INSERT INTO kv_usage (plugin, n_keys, n_bytes, last_version) VALUES ($1, $2, $3, $4)
         ON CONFLICT (plugin) DO UPDATE SET n_keys = excluded.n_keys, n_bytes = excluded.n_bytes,
         last_version = excluded.last_version",
    )
    .bind(plugin.as_str())
    .bind(signed(keys))
    .bind(signed(bytes))
    .bind(signed(last_version))
    .execute(connection)
    .await
    .map_err(writing)?;
    Ok(())
}

/// SQL numbers are signed; the counts here never reach the limit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn writing(error: sqlx::Error) -> Error {
    Error::sql("change keys", error)
}
