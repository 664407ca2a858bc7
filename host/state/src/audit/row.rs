//! An entry of the audit log as a row, and its hash.

use host_core::DigestWriter;
use host_core::audit::AuditRecord;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::AuditEntry;

/// All columns, in the order in which [`insert`] binds them.
pub(super) const COLUMNS: &str =
    "seq, at_unix_ms, actor, token, address, action, object, digest, outcome, status, code,
    job, request, of_seq, times, previous, hash";

/// The previous hash of the first entry.
pub(super) const FIRST: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The hash of an entry: over its number, each field prefixed with its length, and the previous hash.
pub(super) fn hash(seq: u64, entry: &AuditRecord, previous: &str) -> String {
    // All fields by name, so that a new field cannot be forgotten here.
    let AuditRecord {
        at_unix_ms,
        actor,
        token,
        address,
        action,
        object,
        digest,
        outcome,
        status,
        code,
        job,
        request,
        of,
        times,
    } = entry;
    let mut writer = DigestWriter::new();
    writer.field(b"audit 1").field(&seq.to_le_bytes()).field(&at_unix_ms.to_le_bytes());
    for text in [actor, token, address, action, object, digest, code, job, request] {
        writer.field(text.as_bytes());
    }
    writer.field(outcome.as_str().as_bytes()).field(&status.to_le_bytes());
    writer.field(&of.to_le_bytes()).field(&times.to_le_bytes()).field(previous.as_bytes());
    writer.finish().hex()
}

/// 32 hex digits.
pub(super) fn anchor_checksum(seq: i64, hash: &str) -> String {
    let mut writer = DigestWriter::new();
    writer.field(b"audit anchor").field(&seq.to_le_bytes()).field(hash.as_bytes());
    let mut hex = writer.finish().hex();
    hex.truncate(32);
    hex
}

pub(super) async fn insert(connection: &mut SqliteConnection, added: AuditEntry) -> Result<(), sqlx::Error> {
    let AuditEntry { seq, entry, previous, hash } = added;
    let sql = format!(
        "INSERT INTO audit ({COLUMNS})
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"
    );
    let written = sqlx::query(&sql)
        .bind(signed(seq))
        .bind(signed(entry.at_unix_ms))
        .bind(entry.actor)
        .bind(entry.token)
        .bind(entry.address)
        .bind(entry.action)
        .bind(entry.object)
        .bind(entry.digest)
        .bind(entry.outcome.as_str())
        .bind(i64::from(entry.status))
        .bind(entry.code)
        .bind(entry.job)
        .bind(entry.request)
        .bind(signed(entry.of))
        .bind(signed(entry.times))
        .bind(previous)
        .bind(hash)
        .execute(connection)
        .await;
    written.map(drop)
}

/// Reads an entry, valid or not; `None` if the row is unreadable.
pub(super) fn entry(row: &SqliteRow) -> Option<AuditEntry> {
    let number = |column: &str| Some(row.try_get::<i64, _>(column).ok()?.unsigned_abs());
    let entry = AuditRecord {
        at_unix_ms: number("at_unix_ms")?,
        actor: text(row, "actor"),
        token: text(row, "token"),
        address: text(row, "address"),
        action: text(row, "action"),
        object: text(row, "object"),
        digest: text(row, "digest"),
        outcome: text(row, "outcome").parse().ok()?,
        status: u16::try_from(number("status")?).ok()?,
        code: text(row, "code"),
        job: text(row, "job"),
        request: text(row, "request"),
        of: number("of_seq")?,
        times: number("times")?,
    };
    Some(AuditEntry { seq: number("seq")?, entry, previous: text(row, "previous"), hash: text(row, "hash") })
}

/// A flipped bit may produce a text that is not UTF-8: damage, not a failure of the database.
pub(super) fn text(row: &SqliteRow, column: &str) -> String {
    let bytes: Result<Vec<u8>, _> = row.try_get_unchecked(column);
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}

/// SQL numbers are signed; the counts here never reach the limit.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
