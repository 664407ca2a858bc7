//! Whether the audit log is what was written.

use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::{AuditHead, reading, row};
use crate::{Error, State};

/// Rows that are read at once.
const BATCH: usize = 1_000;

/// What a look at the whole audit log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditReport {
    /// How many entries are as they were written, from the first on.
    pub entries: u64,
    /// The number of the first entry that is kept; `None` when there is none.
    pub first: Option<u64>,
    /// The last entry that is as it was written: to be noted elsewhere.
    pub head: AuditHead,
    /// Where the chain breaks.
    pub broken: Option<AuditBroken>,
    /// What became of the head that was noted earlier, if one was given.
    pub noted: Option<Noted>,
}

/// The first place at which the audit log is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditBroken {
    /// The number of the entry; that of the missing one when one is missing.
    pub seq: u64,
    /// How it shows.
    pub reason: String,
}

/// What became of a head that was noted earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It is there with the same hash.
    Found,
    /// It is older than what is kept.
    LetGo,
    /// There is another entry with its number.
    Differs,
    /// The log ends before it: its end was cut off.
    Missing,
}

impl Noted {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Noted::Found => "found",
            Noted::LetGo => "let_go",
            Noted::Differs => "differs",
            Noted::Missing => "missing",
        }
    }
}

impl AuditReport {
    /// Whether all is as it was written, as far as that can be known.
    pub fn is_whole(&self) -> bool {
        self.broken.is_none() && !matches!(self.noted, Some(Noted::Differs | Noted::Missing))
    }
}

impl State {
    /// Reads the whole audit log and computes each hash anew, up to the first that does not fit; and looks for an entry that
    /// was noted earlier. What was written since this state was opened has to be there.
    ///
    /// # Errors
    /// [`Error::Sql`], [`Error::Closed`]. What is wrong with the log is no error.
    pub async fn verify_audit(&self, noted: Option<&AuditHead>) -> Result<AuditReport, Error> {
        // One transaction, so that what is let go meanwhile does not look as if it were missing.
        let mut transaction = self.readers().begin().await.map_err(reading)?;
        let report = match self.audit_written().look(&mut transaction).await {
            Ok(()) => verify(&mut transaction, noted).await,
            Err(error) => Err(error),
        };
        transaction.rollback().await.map_err(reading)?;
        let mut report = report.map_err(reading)?;
        let lost = self.audit_written().lost().filter(|_| report.broken.is_none());
        if let Some(seq) = lost {
            let reason = "the entry that this host wrote is not there any more".to_owned();
            report.broken = Some(AuditBroken { seq, reason });
        }
        Ok(report)
    }
}

async fn verify(connection: &mut SqliteConnection, noted: Option<&AuditHead>) -> Result<AuditReport, sqlx::Error> {
    let anchor = sqlx::query("SELECT seq, hash, checksum FROM audit_anchor WHERE id = 1");
    let anchor = anchor.fetch_optional(&mut *connection).await?;
    let mut head = AuditHead { seq: 0, hash: row::FIRST.to_owned() };
    let mut broken = None;
    if let Some(row) = anchor {
        let (seq, hash) = (row.try_get::<i64, _>("seq").unwrap_or_default(), row::text(&row, "hash"));
        if row::text(&row, "checksum") != row::anchor_checksum(seq, &hash) {
            let reason = "the record of the last entry that was let go is damaged".to_owned();
            broken = Some(AuditBroken { seq: seq.unsigned_abs(), reason });
        }
        head = AuditHead { seq: seq.unsigned_abs(), hash };
    }
    let let_go = head.seq;
    // A head that was noted of an entry that is the anchor now can still be compared.
    let mut found = noted.filter(|noted| noted.seq == let_go && let_go > 0).map(|noted| noted.hash == head.hash);
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
            if let Some(noted) = noted.filter(|noted| noted.seq == head.seq) {
                found = Some(noted.hash.eq_ignore_ascii_case(&head.hash));
            }
        }
    }
    let noted = noted.filter(|_| found.is_some() || broken.is_none()).map(|noted| match found {
        Some(true) => Noted::Found,
        Some(false) => Noted::Differs,
        None if noted.seq <= let_go => Noted::LetGo,
        None => Noted::Missing,
    });
    Ok(AuditReport { entries, first, head, broken, noted })
}

/// What is wrong with the row that comes after `before`.
fn judge(row: &sqlx::sqlite::SqliteRow, seq: i64, before: &AuditHead) -> Option<AuditBroken> {
    let expected = before.seq + 1;
    let broken = |seq, reason: &str| Some(AuditBroken { seq, reason: reason.to_owned() });
    match u64::try_from(seq) {
        Ok(seq) if seq > expected => return broken(expected, "the entry is missing"),
        Ok(seq) if seq == expected => {}
        _ => return broken(expected, &format!("there is an entry {seq} where there can be none")),
    }
    let Some(found) = row::entry(row) else { return broken(expected, "the entry can't be read") };
    if found.hash != row::hash(found.seq, &found.entry, &found.previous) {
        return broken(expected, "the entry is not what was written: its hash does not fit");
    }
    if found.previous != before.hash {
        return broken(expected, "the entry before it is another one than when it was written");
    }
    None
}
