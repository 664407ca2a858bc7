//! Jobs: their operation, progress and result, so that a restarted host continues unfinished jobs.
//!
//! Operation and result are opaque texts of the code that runs the jobs.

mod change;
mod row;

use std::fmt;
use std::str::FromStr;

use host_core::audit::AuditRecord;
use host_core::job::JobState;

use crate::{Error, State, audit};

pub(crate) use change::write;

/// A stored job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRecord {
    /// The id.
    pub id: String,
    /// The name of the operation.
    pub operation: String,
    /// The plugin; `None` while it is unknown.
    pub plugin: Option<String>,
    /// The subject: a source, an upload or a plugin's id.
    pub subject: String,
    /// The actor.
    pub actor: String,
    /// The reason given by the actor.
    pub reason: Option<String>,
    /// The name of the conflict policy.
    pub on_conflict: String,
    /// The time limit of the request, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// The state.
    pub state: JobState,
    /// The attempt, from 1. A host that stops during an attempt causes the next one.
    pub attempt: u64,
    /// The job that this one retries.
    pub retry_of: Option<String>,
    /// The time of the request, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// The time of its start.
    pub started_unix_ms: Option<u64>,
    /// The time of its end.
    pub ended_unix_ms: Option<u64>,
    /// The current or last step.
    pub step: String,
    /// The completed steps.
    pub steps: String,
    /// The number of log lines.
    pub n_lines: u64,
    /// The operation; `None` when it is no longer needed.
    pub request: Option<String>,
    /// The result, after the end.
    pub outcome: Option<String>,
}

/// The end of a job's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobLog {
    /// The number of the first stored line.
    pub first_line: u64,
    /// The lines, each with a line feed at its end.
    pub text: String,
}

/// A filter for jobs. The default accepts all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only jobs of this plugin.
    pub plugin: Option<String>,
    /// Only jobs in this state.
    pub state: Option<JobState>,
    /// Only jobs of this operation.
    pub operation: Option<String>,
}

/// A position in the list of jobs: the job with this time and id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobCursor {
    /// The time of the request, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// Its id.
    pub id: String,
}

/// A page of jobs, and the ids of damaged jobs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jobs {
    /// The jobs.
    pub jobs: Vec<JobRecord>,
    /// The ids of damaged jobs.
    pub damaged: Vec<String>,
    /// Whether there are more jobs after the last one.
    pub more: bool,
}

impl JobRecord {
    /// The position of the job in the list.
    pub fn cursor(&self) -> JobCursor {
        JobCursor { created_unix_ms: self.created_unix_ms, id: self.id.clone() }
    }
}

impl JobFilter {
    /// Returns whether the filter accepts a job with this plugin, state and operation.
    pub fn takes(&self, plugin: Option<&str>, state: JobState, operation: &str) -> bool {
        self.plugin.as_deref().is_none_or(|asked| plugin == Some(asked))
            && self.state.is_none_or(|asked| state == asked)
            && self.operation.as_deref().is_none_or(|asked| operation == asked)
    }
}

// === impl State ===

impl State {
    /// Writes a job, and its log if given; returns when it is on disk. Of the ended jobs the newest `keep` are kept;
    /// older ones are deleted with their logs.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Sql`], [`Error::Closed`]; nothing is changed then.
    ///
    /// # Cancel safety
    /// If the future is dropped, the job is written completely or not at all.
    pub async fn put_job(&self, record: JobRecord, log: Option<JobLog>, keep: u64) -> Result<(), Error> {
        self.change(move |connection| Box::pin(change::put(connection, record, log, keep))).await
    }

    /// Writes the end of a job, its log and its audit entry in one transaction.
    ///
    /// # Errors
    /// As [`State::put_job`].
    ///
    /// # Cancel safety
    /// As [`State::put_job`].
    pub async fn put_ended_job(
        &self,
        record: JobRecord,
        log: Option<JobLog>,
        keep: u64,
        (entries, max_kept): (Vec<AuditRecord>, u64),
    ) -> Result<(), Error> {
        let written = self.audit_written().clone();
        let both = self.change(move |connection| {
            Box::pin(async move {
                change::put(connection, record, log, keep).await?;
                audit::append(connection, entries, max_kept, written).await
            })
        });
        let (_, head) = both.await?;
        head.into_iter().for_each(|head| self.audit_written().note(head));
        Ok(())
    }

    /// The job with that id.
    ///
    /// # Errors
    /// [`Error::DamagedJob`] if it is damaged.
    pub async fn job(&self, id: &str) -> Result<Option<JobRecord>, Error> {
        let sql = format!("SELECT {} FROM jobs WHERE id = $1", row::COLUMNS);
        let row = sqlx::query(&sql).bind(id).fetch_optional(self.readers()).await.map_err(reading)?;
        let damaged = || Error::DamagedJob { id: id.to_owned() };
        row.map(|row| row::job(&row).ok_or_else(damaged)).transpose()
    }

    /// Returns the log of a job; `None` if it is not stored.
    ///
    /// # Errors
    /// [`Error::DamagedJob`] if it is damaged.
    pub async fn job_log(&self, id: &str) -> Result<Option<JobLog>, Error> {
        let row = sqlx::query("SELECT first_line, text, checksum FROM job_logs WHERE job = $1").bind(id);
        let row = row.fetch_optional(self.readers()).await.map_err(reading)?;
        let damaged = || Error::DamagedJob { id: id.to_owned() };
        row.map(|row| row::log(id, &row).ok_or_else(damaged)).transpose()
    }

    /// Returns at most `limit` jobs that match a filter, newest first, starting after `before`.
    ///
    /// # Errors
    /// [`Error::Sql`], [`Error::Closed`]. Damaged jobs are listed and are not an error.
    pub async fn jobs(&self, filter: &JobFilter, limit: usize, before: Option<&JobCursor>) -> Result<Jobs, Error> {
        let sql = format!(
            "SELECT {} FROM jobs
             WHERE ($1 = '' OR plugin = $1) AND ($2 = '' OR state = $2) AND ($3 = '' OR operation = $3)
             AND (created_unix_ms < $4 OR (created_unix_ms = $4 AND id < $5))
             ORDER BY created_unix_ms DESC, id DESC LIMIT $6",
            row::COLUMNS
        );
        let rows = sqlx::query(&sql)
            .bind(filter.plugin.as_deref().unwrap_or_default())
            .bind(filter.state.map(JobState::as_str).unwrap_or_default())
            .bind(filter.operation.as_deref().unwrap_or_default())
            .bind(before.map_or(i64::MAX, |before| row::signed(before.created_unix_ms)))
            .bind(before.map(|before| before.id.as_str()).unwrap_or_default())
            // One more than requested shows whether there are more.
            .bind(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1))
            .fetch_all(self.readers())
            .await
            .map_err(reading)?;
        let mut found = Jobs { more: rows.len() > limit, ..Jobs::default() };
        found.take(rows.iter().take(limit));
        Ok(found)
    }

    /// The jobs that have not ended, oldest first.
    ///
    /// # Errors
    /// As [`State::jobs`].
    pub async fn unfinished_jobs(&self) -> Result<Jobs, Error> {
        // The states of ended jobs are listed, so that a job with a damaged state counts as unfinished.
        let sql = format!(
            "SELECT {} FROM jobs WHERE state NOT IN ('done', 'failed', 'cancelled', 'timed_out', 'superseded')
             ORDER BY created_unix_ms, id",
            row::COLUMNS
        );
        let rows = sqlx::query(&sql).fetch_all(self.readers()).await.map_err(reading)?;
        let mut found = Jobs::default();
        found.take(rows.iter());
        Ok(found)
    }
}

impl Jobs {
    fn take<'a>(&mut self, rows: impl Iterator<Item = &'a sqlx::sqlite::SqliteRow>) {
        for row in rows {
            match row::job(row) {
                Some(job) => self.jobs.push(job),
                None => self.damaged.push(row::id(row)),
            }
        }
    }
}

fn reading(error: sqlx::Error) -> Error {
    Error::sql("read jobs", error)
}

// === helpers ===

/// The text is not a valid position in the list of jobs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected the `next` of an earlier list of jobs")]
pub struct JobCursorError;

impl fmt::Display for JobCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.created_unix_ms, self.id)
    }
}

impl FromStr for JobCursor {
    type Err = JobCursorError;

    fn from_str(text: &str) -> Result<JobCursor, JobCursorError> {
        let (time, id) = text.split_once('.').ok_or(JobCursorError)?;
        let is_id = !id.is_empty() && id.len() <= 64 && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        match time.parse() {
            Ok(created_unix_ms) if is_id => Ok(JobCursor { created_unix_ms, id: id.to_owned() }),
            _ => Err(JobCursorError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_what_it_writes_and_nothing_else() {
        let cursor = JobCursor { created_unix_ms: 1_700_000_000_123, id: "job_00ff".to_owned() };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", ".", "1.", ".job_1", "1", "x.job_1", "-1.job_1", "1.job 1", "1.job_1'"] {
            assert_eq!(text.parse::<JobCursor>(), Err(JobCursorError), "{text}");
        }
    }
}
