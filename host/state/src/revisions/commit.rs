//! Writes revisions.

use host_core::PluginId;
use sqlx::sqlite::SqliteConnection;

use super::row::{Fields, revision};
use super::{COLUMNS, Change, Revision, signed, writing};
use crate::Error;
use crate::document::write_desired;

pub(super) async fn commit(
    connection: &mut SqliteConnection,
    changes: Vec<Change>,
    last: u64,
) -> Result<Vec<u64>, Error> {
    let mut numbers = Vec::with_capacity(changes.len());
    let newest = sqlx::query_scalar::<_, i64>("SELECT COALESCE(MAX(number), 0) FROM revisions");
    let mut number = newest.fetch_one(&mut *connection).await.map_err(writing)?.max(signed(last));
    for change in changes {
        if let Some(expected) = change.expected {
            let found = found(connection, &change.plugin).await?;
            if found != expected {
                return Err(Error::Stale { plugin: change.plugin, expected, found });
            }
        }
        number += 1;
        let fields = Fields {
            number,
            plugin: change.plugin.as_str(),
            at_unix_ms: signed(change.at_unix_ms),
            actor: &change.actor,
            operation: &change.operation,
            reason: change.reason.as_deref().unwrap_or_default(),
            document: &change.desired.as_ref().map(write_desired).unwrap_or_default(),
        };
        sqlx::query(
            "INSERT INTO revisions (number, plugin, at_unix_ms, actor, operation, reason, document, checksum)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(fields.number)
        .bind(fields.plugin)
        .bind(fields.at_unix_ms)
        .bind(fields.actor)
        .bind(fields.operation)
        .bind(fields.reason)
        .bind(fields.document)
        .bind(fields.checksum())
        .execute(&mut *connection)
        .await
        .map_err(writing)?;
        numbers.push(number.unsigned_abs());
    }
    Ok(numbers)
}

/// The number of a plugin's newest revision; 0 for none.
async fn found(connection: &mut SqliteConnection, plugin: &PluginId) -> Result<u64, Error> {
    // Selected by its number, so that all columns, the name included, are read from the row and not from the index.
    let sql =
        format!("SELECT {COLUMNS} FROM revisions WHERE number = (SELECT MAX(number) FROM revisions WHERE plugin = $1)");
    let row = sqlx::query(&sql).bind(plugin.as_str()).fetch_optional(connection).await.map_err(writing)?;
    let newest = row.as_ref().map(revision).transpose()?;
    Ok(match newest {
        Some(Ok(Revision { number, desired: Some(_), .. })) => number,
        _ => 0,
    })
}
