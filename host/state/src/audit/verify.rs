//! Verification of the audit log.

use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::{reading, row};
use crate::audit_head::{AuditHead, Written};
use crate::{Error, State};

/// Rows that are read at once.
const BATCH: usize = 1_000;

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// The number of intact entries, from the first.
    pub entries: u64,
    /// The number of the first stored entry; `None` if there is none.
    pub first: Option<u64>,
    /// The last intact entry, to be stored elsewhere.
    pub head: AuditHead,
    /// The first break of the chain.
    pub broken: Option<AuditBroken>,
    /// The result for the given head, if there was one.
    pub head_check: Option<HeadCheck>,
}

/// The first damaged place of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditBroken {
    /// The number of the damaged or missing entry.
    pub seq: u64,
    /// The evidence.
    pub reason: String,
}

/// The result for a head that was recorded earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadCheck {
    /// The entry exists with the same hash.
    Found,
    /// The entry was deleted, because it is older than the stored entries.
    Deleted,
    /// Another entry has its number.
    Differs,
    /// The log ends before it: its end was cut off.
    Missing,
}

impl HeadCheck {
    /// The name for clients.
    pub fn as_str(self) -> &'static str {
        match self {
            HeadCheck::Found => "found",
            HeadCheck::Deleted => "let_go",
            HeadCheck::Differs => "differs",
            HeadCheck::Missing => "missing",
        }
    }
}

impl AuditReport {
    /// Returns whether the log is intact, as far as that can be determined.
    pub fn is_whole(&self) -> bool {
        self.broken.is_none() && !matches!(self.head_check, Some(HeadCheck::Differs | HeadCheck::Missing))
    }
}

impl State {
    /// Reads the whole audit log, recomputes each hash up to the first mismatch, and looks for a recorded entry.
    /// Entries written since this database was opened must exist.
    ///
    /// # Errors
    /// [`Error::Sql`], [`Error::Closed`]. A damaged log is not an error.
    pub async fn verify_audit(&self, recorded: Option<&AuditHead>) -> Result<AuditReport, Error> {
        // One transaction, so that entries deleted in the meantime do not look missing.
        let mut transaction = self.readers().begin().await.map_err(reading)?;
        let report = match check_last(self.audit_written(), &mut transaction).await {
            Ok(()) => verify(&mut transaction, recorded).await,
            Err(error) => Err(error),
        };
        transaction.rollback().await.map_err(reading)?;
        let mut report = report.map_err(reading)?;
        let lost = self.audit_written().lost().filter(|_| report.broken.is_none());
        if let Some(seq) = lost {
            let reason = "the entry that this host wrote is missing".to_owned();
            report.broken = Some(AuditBroken { seq, reason });
        }
        Ok(report)
    }
}

/// Checks that the last entry that this host wrote still exists. A missing entry is recorded, because later entries
/// hide the gap.
pub(super) async fn check_last(written: &Written, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let Some(last) = written.last() else { return Ok(()) };
    let there = sqlx::query(
        "SELECT seq, hash FROM audit WHERE seq = $1 UNION SELECT seq, hash FROM audit_anchor WHERE seq >= $1",
    );
    let there = there.bind(row::signed(last.seq)).fetch_all(connection).await?;
    // Of deleted entries only the newest is known.
    let is_it = |row: &sqlx::sqlite::SqliteRow| {
        row.try_get::<i64, _>("seq").is_ok_and(|seq| seq > row::signed(last.seq)) || row::text(row, "hash") == last.hash
    };
    if !there.iter().any(is_it) {
        written.note_lost(last.seq);
    }
    Ok(())
}

async fn verify(connection: &mut SqliteConnection, recorded: Option<&AuditHead>) -> Result<AuditReport, sqlx::Error> {
    let anchor = sqlx::query("SELECT seq, hash, checksum FROM audit_anchor WHERE id = 1");
    let anchor = anchor.fetch_optional(&mut *connection).await?;
    let mut head = AuditHead { seq: 0, hash: row::FIRST.to_owned() };
    let mut broken = None;
    if let Some(row) = anchor {
        let (seq, hash) = (row.try_get::<i64, _>("seq").unwrap_or_default(), row::text(&row, "hash"));
        if row::text(&row, "checksum") != row::anchor_checksum(seq, &hash) {
            let reason = "the record of the last deleted entry is damaged".to_owned();
            broken = Some(AuditBroken { seq: seq.unsigned_abs(), reason });
        }
        head = AuditHead { seq: seq.unsigned_abs(), hash };
    }
    let anchor = head.seq;
    // A recorded head can also be compared with the anchor, the last deleted entry.
    let mut found =
        recorded.filter(|recorded| recorded.seq == anchor && anchor > 0).map(|recorded| recorded.hash == head.hash);
    let (mut entries, mut first, mut last) = (0, None, None);
    let sql = format!("SELECT {} FROM audit WHERE seq > $1 ORDER BY seq LIMIT $2", row::COLUMNS);
    while broken.is_none() {
        let after = last.unwrap_or(i64::MIN);
        let rows = sqlx::query(&sql).bind(after).bind(row::signed(BATCH as u64)).fetch_all(&mut *connection).await?;
        let Some(end) = rows.last() else { break };
        last = Some(end.try_get("seq")?);
        for row in &rows {
            let seq: i64 = row.try_get("seq")?;
            broken = judge(row, seq, &head);
            if broken.is_some() {
                break;
            }
            head = AuditHead { seq: seq.unsigned_abs(), hash: row::text(row, "hash") };
            entries += 1;
            first.get_or_insert(head.seq);
            if let Some(recorded) = recorded.filter(|recorded| recorded.seq == head.seq) {
                found = Some(recorded.hash.eq_ignore_ascii_case(&head.hash));
            }
        }
    }
    let head_check = recorded.filter(|_| found.is_some() || broken.is_none()).map(|recorded| match found {
        Some(true) => HeadCheck::Found,
        Some(false) => HeadCheck::Differs,
        None if recorded.seq <= anchor => HeadCheck::Deleted,
        None => HeadCheck::Missing,
    });
    Ok(AuditReport { entries, first, head, broken, head_check })
}

/// Checks the row after `before`.
fn judge(row: &sqlx::sqlite::SqliteRow, seq: i64, before: &AuditHead) -> Option<AuditBroken> {
    let expected = before.seq + 1;
    let broken = |seq, reason: &str| Some(AuditBroken { seq, reason: reason.to_owned() });
    match u64::try_from(seq) {
        Ok(seq) if seq > expected => return broken(expected, "the entry is missing"),
        Ok(seq) if seq == expected => {}
        _ => return broken(expected, &format!("found entry {seq}, which is out of order")),
    }
    let Some(found) = row::entry(row) else { return broken(expected, "the entry is unreadable") };
    if found.hash != row::hash(found.seq, &found.entry, &found.previous) {
        return broken(expected, "the entry was changed: its hash does not match");
    }
    if found.previous != before.hash {
        return broken(expected, "the previous entry was replaced: its hash does not match");
    }
    None
}
