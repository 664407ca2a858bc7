//! A revision as a row of the database, with its checksum.

use host_core::DigestWriter;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Damage, Revision, reading};
use crate::Error;
use crate::document::read_desired;

/// The fields of a row.
pub(super) struct Fields<'a> {
    pub(super) number: i64,
    pub(super) plugin: &'a str,
    pub(super) at_unix_ms: i64,
    pub(super) actor: &'a str,
    pub(super) operation: &'a str,
    pub(super) reason: &'a str,
    pub(super) document: &'a str,
}

impl Fields<'_> {
    pub(super) fn checksum(&self) -> String {
        let mut writer = DigestWriter::new();
        writer.field(&self.number.to_le_bytes()).field(self.plugin.as_bytes()).field(&self.at_unix_ms.to_le_bytes());
        for text in [self.actor, self.operation, self.reason, self.document] {
            writer.field(text.as_bytes());
        }
        let mut hex = writer.finish().hex();
        hex.truncate(32);
        hex
    }
}

/// Reads a row; the inner error means that it is damaged.
pub(super) fn revision(row: &SqliteRow) -> Result<Result<Revision, Damage>, Error> {
    let number: i64 = row.try_get("number").map_err(reading)?;
    // A flipped bit may produce a text that is not UTF-8: damage, not a failure of the database.
    let texts = ["plugin", "actor", "operation", "reason", "document", "checksum"].map(|column| text(row, column));
    let [plugin, actor, operation, reason, document, checksum] = texts;
    let at_unix_ms: i64 = row.try_get("at_unix_ms").unwrap_or(i64::MIN);
    let fields = Fields {
        number,
        plugin: &plugin,
        at_unix_ms,
        actor: &actor,
        operation: &operation,
        reason: &reason,
        document: &document,
    };
    let damage = |reason: String| Damage { plugin: plugin.clone(), number: number.unsigned_abs(), reason };
    if fields.checksum() != checksum {
        return Ok(Err(damage("its checksum does not match its content".to_owned())));
    }
    let desired = match document.as_str() {
        "" => Ok(None),
        document => read_desired(document).map(Some),
    };
    let read = desired.and_then(|desired| Ok((desired, plugin.parse().map_err(|error| format!("{error}"))?)));
    Ok(match read {
        Ok((desired, id)) => Ok(Revision {
            number: number.unsigned_abs(),
            plugin: id,
            at_unix_ms: at_unix_ms.unsigned_abs(),
            actor: actor.clone(),
            operation: operation.clone(),
            reason: Some(reason.clone()).filter(|reason| !reason.is_empty()),
            desired,
        }),
        Err(reason) => Err(damage(reason)),
    })
}

fn text(row: &SqliteRow, column: &str) -> String {
    let bytes: Result<Vec<u8>, _> = row.try_get_unchecked(column);
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}
