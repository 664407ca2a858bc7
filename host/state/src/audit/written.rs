//! The host's memory of the end of the audit log, to detect that another program cut it off.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::{AuditHead, row};

/// The entries that were written since the state was opened. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Written(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    last: Option<AuditHead>,
    lost: Option<u64>,
}

impl Written {
    /// Notes the end of the log, which is on disk now.
    pub(crate) fn note(&self, head: AuditHead) {
        let mut known = self.known();
        // Concurrent commits may arrive in another order.
        if known.last.as_ref().is_none_or(|last| last.seq < head.seq) {
            known.last = Some(head);
        }
    }

    /// Checks that the last entry still exists. A missing one is remembered, because later entries hide the gap.
    pub(super) async fn look(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let Some(last) = self.known().last.clone() else { return Ok(()) };
        let there = sqlx::query(
            "SELECT seq, hash FROM audit WHERE seq = $1 UNION SELECT seq, hash FROM audit_anchor WHERE seq >= $1",
        );
        let there = there.bind(row::signed(last.seq)).fetch_all(connection).await?;
        // Of deleted entries only the newest is known.
        let is_it = |row: &sqlx::sqlite::SqliteRow| {
            row.try_get::<i64, _>("seq").is_ok_and(|seq| seq > row::signed(last.seq))
                || row::text(row, "hash") == last.hash
        };
        if !there.iter().any(is_it) {
            let mut known = self.known();
            if known.lost.is_none() {
                tracing::error!(seq = last.seq, "an entry that was written to the audit log is not there any more");
                known.lost = Some(last.seq);
            }
        }
        Ok(())
    }

    /// The number of an entry that was written and is not there any more.
    pub(super) fn lost(&self) -> Option<u64> {
        self.known().lost
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
