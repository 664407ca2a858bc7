//! The audit log: append-only entries, each with the hash of the previous one.
//!
//! Someone who can write the file can create a new chain; a stored hash of the old chain reveals that.

mod row;
mod verify;

use host_core::audit::AuditRecord;
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use crate::audit_head::{AuditHead, Written};
use crate::{Error, State};

pub use verify::{AuditBroken, AuditReport, HeadCheck};

/// The maximum number of an entry, which every JSON parser represents exactly.
const MAX_SEQ: i64 = 1 << 53;

/// A stored entry with its number and hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Counts up from 1, without a gap.
    pub seq: u64,
    /// The content.
    pub entry: AuditRecord,
    /// The hash of the previous entry.
    pub previous: String,
    /// SHA-256 over `seq`, `entry` and `previous`, 64 hex digits.
    pub hash: String,
}

/// A filter for entries; missing fields accept all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Entries after this number, oldest first; without it the newest entries.
    pub after: Option<u64>,
    /// Entries of this actor.
    pub actor: Option<String>,
    /// Entries of this action.
    pub action: Option<String>,
    /// Entries of this object, and of the parts of a plugin with this id, such as `counter/key`.
    pub object: Option<String>,
}

impl State {
    /// Appends entries with their texts escaped, all or none, and returns the numbers of the entries when they are on
    /// disk. If there are more than `max_kept` entries then, deletes the oldest, a tenth at once.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Sql`], [`Error::Closed`]; nothing is added then.
    ///
    /// # Cancel safety
    /// If the future is dropped, they are appended or not.
    pub async fn append_audit(&self, entries: Vec<AuditRecord>, max_kept: u64) -> Result<Vec<u64>, Error> {
        let written = self.audit_written().clone();
        let appended = self.change(move |connection| Box::pin(append(connection, entries, max_kept, written)));
        let (numbers, head) = appended.await?;
        head.into_iter().for_each(|head| self.audit_written().note(head));
        Ok(numbers)
    }

    /// Reads at most `limit` entries that match a filter, oldest first. Unreadable rows are skipped;
    /// [`State::verify_audit`] finds them.
    pub async fn audit(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<AuditEntry>, Error> {
        let order = if filter.after.is_some() { "ASC" } else { "DESC" };
        let sql = format!(
            "SELECT {} FROM audit WHERE seq > $1 AND ($2 = '' OR actor = $2) AND ($3 = '' OR action = $3)
             AND ($4 = '' OR object = $4 OR substr(object, 1, length($4) + 1) = $4 || '/') \
             ORDER BY seq {order} LIMIT $5",
            row::COLUMNS
        );
        let rows = sqlx::query(&sql)
            .bind(row::signed(filter.after.unwrap_or_default()))
            .bind(filter.actor.as_deref().unwrap_or_default())
            .bind(filter.action.as_deref().unwrap_or_default())
            .bind(filter.object.as_deref().unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(self.readers())
            .await
            .map_err(reading)?;
        let mut entries: Vec<_> = rows.iter().filter_map(row::entry).collect();
        if filter.after.is_none() {
            entries.reverse();
        }
        Ok(entries)
    }
}

/// Appends entries within a transaction of the writer. Returns their numbers and the new end of the log, which the
/// caller records in `written` after the commit.
pub(crate) async fn append(
    connection: &mut SqliteConnection,
    entries: Vec<AuditRecord>,
    max_kept: u64,
    written: Written,
) -> Result<(Vec<u64>, Option<AuditHead>), Error> {
    if entries.is_empty() {
        return Ok((vec![], None));
    }
    verify::check_last(&written, connection).await.map_err(writing)?;
    let mut head = head(connection).await?;
    let mut numbers = Vec::with_capacity(entries.len());
    for entry in entries {
        let seq = head.seq + 1;
        let entry = entry.escaped();
        let hash = row::hash(seq, &entry, &head.hash);
        let added = AuditEntry { seq, entry, previous: head.hash, hash: hash.clone() };
        row::insert(connection, added).await.map_err(writing)?;
        head = AuditHead { seq, hash };
        numbers.push(seq);
    }
    let oldest = sqlx::query_scalar("SELECT COALESCE(MIN(seq), 0) FROM audit").fetch_one(&mut *connection).await;
    let oldest: i64 = oldest.map_err(writing)?;
    if row::signed(head.seq) - oldest >= row::signed(max_kept) {
        let keep = (max_kept - max_kept / 10).max(1);
        trim(connection, row::signed(head.seq.saturating_sub(keep))).await.map_err(writing)?;
    }
    Ok((numbers, Some(head)))
}

/// The end of the chain.
async fn head(connection: &mut SqliteConnection) -> Result<AuditHead, Error> {
    // Skips a row whose number became too large by a flipped bit; new entries would continue from that number.
    let last = sqlx::query("SELECT seq, hash FROM audit WHERE seq <= $1 ORDER BY seq DESC LIMIT 1").bind(MAX_SEQ);
    let last = last.fetch_optional(&mut *connection).await.map_err(writing)?;
    let anchor = sqlx::query("SELECT seq, hash FROM audit_anchor WHERE id = 1");
    let row = match last {
        Some(row) => Some(row),
        None => anchor.fetch_optional(connection).await.map_err(writing)?,
    };
    let Some(row) = row else { return Ok(AuditHead { seq: 0, hash: row::FIRST.to_owned() }) };
    let seq: i64 = row.try_get("seq").map_err(writing)?;
    Ok(AuditHead { seq: seq.unsigned_abs(), hash: row::text(&row, "hash") })
}

/// Deletes the rows up to `last`.
async fn trim(connection: &mut SqliteConnection, last: i64) -> Result<(), sqlx::Error> {
    let row = sqlx::query("SELECT seq, hash FROM audit WHERE seq <= $1 ORDER BY seq DESC LIMIT 1").bind(last);
    let Some(row) = row.fetch_optional(&mut *connection).await? else { return Ok(()) };
    let (seq, hash): (i64, _) = (row.try_get("seq")?, row::text(&row, "hash"));
    let checksum = row::anchor_checksum(seq, &hash);
    let anchor = sqlx::query(
        "INSERT INTO audit_anchor (id, seq, hash, checksum) VALUES (1, $1, $2, $3)
         ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, checksum = excluded.checksum",
    );
    anchor.bind(seq).bind(hash).bind(checksum).execute(&mut *connection).await?;
    sqlx::query("DELETE FROM audit WHERE seq <= $1").bind(seq).execute(connection).await.map(drop)
}

fn reading(error: sqlx::Error) -> Error {
    Error::sql("read the audit log", error)
}

fn writing(error: sqlx::Error) -> Error {
    Error::sql("write to the audit log", error)
}
