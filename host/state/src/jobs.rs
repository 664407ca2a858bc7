//! Jobs: what was asked, how far it came and how it ended, so that the next host takes up what this one did not end.
//!
//! What is asked and how it ended are texts of whoever runs the jobs; this room only keeps them.

mod change;
mod row;

use std::fmt;
use std::str::FromStr;

use host_core::audit::Entry;
use host_core::job::JobState;

use crate::{Error, State, audit};

pub(crate) use change::write;

/// A job, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRecord {
    /// The id.
    pub id: String,
    /// What was asked, in one word.
    pub operation: String,
    /// The plugin; `None` while it is not known yet.
    pub plugin: Option<String>,
    /// Of what: a source, an upload or a plugin's id.
    pub subject: String,
    /// Who asked.
    pub actor: String,
    /// Why, in the words of whoever asked.
    pub reason: Option<String>,
    /// What becomes of another job of the same plugin, in one word.
    pub on_conflict: String,
    /// How long whoever asked wants to wait for its end, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Where it is.
    pub state: JobState,
    /// Which attempt this is; the first is 1. A host that ends during one makes the next.
    pub attempt: u64,
    /// The job that asked for the same before, when this one was made of it.
    pub retry_of: Option<String>,
    /// When it was asked, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// When its turn came.
    pub started_unix_ms: Option<u64>,
    /// When it ended.
    pub ended_unix_ms: Option<u64>,
    /// What it did last.
    pub step: String,
    /// The steps that it has behind it.
    pub steps: String,
    /// How many log lines it has written.
    pub n_lines: u64,
    /// What was asked; `None` when nobody needs it any more.
    pub request: Option<String>,
    /// How it ended, once it has.
    pub outcome: Option<String>,
}

/// The end of what a job has written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobLog {
    /// The number of the first line that is kept.
    pub first_line: u64,
    /// The lines, each with a line feed at its end.
    pub text: String,
}

/// Which jobs are meant. The default means all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Those of this plugin.
    pub plugin: Option<String>,
    /// Those in this state.
    pub state: Option<JobState>,
    /// Those of this operation.
    pub operation: Option<String>,
}

/// A place in the list of jobs: the job of that time and id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobCursor {
    /// When it was asked, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// Its id.
    pub id: String,
}

/// Jobs that were read, and which could not be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jobs {
    /// The jobs.
    pub jobs: Vec<JobRecord>,
    /// The ids of those whose record is damaged on disk.
    pub damaged: Vec<String>,
    /// Whether there are more behind the last.
    pub more: bool,
}

impl JobRecord {
    /// Where it stands in the list.
    pub fn cursor(&self) -> JobCursor {
        JobCursor { created_unix_ms: self.created_unix_ms, id: self.id.clone() }
    }
}

impl JobFilter {
    /// Whether a job of this plugin, state and operation is meant.
    pub fn takes(&self, plugin: Option<&str>, state: JobState, operation: &str) -> bool {
        self.plugin.as_deref().is_none_or(|asked| plugin == Some(asked))
            && self.state.is_none_or(|asked| state == asked)
            && self.operation.as_deref().is_none_or(|asked| operation == asked)
    }
}

// === impl State ===

impl State {
    /// Writes a job as it is now, and its log if that is given; returns once it is on disk. Of the jobs that have ended
    /// the newest `keep` stay, the others go with their logs.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Sql`], [`Error::Closed`]; nothing is changed then.
    ///
    /// # Cancel safety
    /// When the future is dropped, the job is written wholly or not at all.
    pub async fn put_job(&self, record: JobRecord, log: Option<JobLog>, keep: u64) -> Result<(), Error> {
        self.change(move |connection| Box::pin(change::put(connection, record, log, keep))).await
    }

    /// Writes the end of a job, its log, and what the audit log says of it: all or nothing.
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
        (entries, max_kept): (Vec<Entry>, u64),
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

    /// The job of that id.
    ///
    /// # Errors
    /// [`Error::DamagedJob`] when it is not as it was written.
    pub async fn job(&self, id: &str) -> Result<Option<JobRecord>, Error> {
        let sql = format!("SELECT {} FROM jobs WHERE id = $1", row::COLUMNS);
        let row = sqlx::query(&sql).bind(id).fetch_optional(self.readers()).await.map_err(reading)?;
        let damaged = || Error::DamagedJob { id: id.to_owned() };
        row.map(|row| row::job(&row).ok_or_else(damaged)).transpose()
    }

    /// What a job has written; `None` when nothing is kept of it.
    ///
    /// # Errors
    /// [`Error::DamagedJob`] when it is not as it was written.
    pub async fn job_log(&self, id: &str) -> Result<Option<JobLog>, Error> {
        let row = sqlx::query("SELECT first_line, text, checksum FROM job_logs WHERE job = $1").bind(id);
        let row = row.fetch_optional(self.readers()).await.map_err(reading)?;
        let damaged = || Error::DamagedJob { id: id.to_owned() };
        row.map(|row| row::log(id, &row).ok_or_else(damaged)).transpose()
    }

    /// At most `limit` jobs that a filter takes, newest first, from behind `before` on.
    ///
    /// # Errors
    /// [`Error::Sql`], [`Error::Closed`]. Records that are damaged are no error, but listed.
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
            // One more than asked for says whether there are more.
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
        // A damaged word of a state must not pass for the word of an end.
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

// === words ===

/// The text is not a place in the list of jobs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not what `next` of a list of jobs was")]
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
