//! Writing a job, inside a transaction of the writer.

use sqlx::sqlite::SqliteConnection;

use super::row::{COLUMNS, checksum, log_checksum, signed};
use super::{JobLog, JobRecord};
use crate::Error;

pub(super) async fn put(
    connection: &mut SqliteConnection,
    record: JobRecord,
    log: Option<JobLog>,
    keep: u64,
) -> Result<(), Error> {
    let has_ended = record.state.is_ended();
    if let Some(log) = log {
        put_log(connection, &record.id, log).await?;
    }
    write(connection, record).await?;
    if has_ended {
        sweep(connection, keep).await?;
    }
    Ok(())
}

/// Writes a job and nothing else.
pub(crate) async fn write(connection: &mut SqliteConnection, record: JobRecord) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO jobs ({COLUMNS})
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)
         ON CONFLICT (id) DO UPDATE SET created_unix_ms = excluded.created_unix_ms, state = excluded.state,
         operation = excluded.operation, plugin = excluded.plugin, subject = excluded.subject, actor = excluded.actor,
         reason = excluded.reason, on_conflict = excluded.on_conflict, timeout_ms = excluded.timeout_ms,
         attempt = excluded.attempt, retry_of = excluded.retry_of, started_unix_ms = excluded.started_unix_ms,
         ended_unix_ms = excluded.ended_unix_ms, step = excluded.step, steps = excluded.steps,
         n_lines = excluded.n_lines, request = excluded.request, outcome = excluded.outcome,
         checksum = excluded.checksum"
    );
    let checksum = checksum(&record);
    let written = sqlx::query(&sql)
        .bind(record.id)
        .bind(signed(record.created_unix_ms))
        .bind(record.state.as_str())
        .bind(record.operation)
        .bind(record.plugin.unwrap_or_default())
        .bind(record.subject)
        .bind(record.actor)
        .bind(record.reason)
        .bind(record.on_conflict)
        .bind(record.timeout_ms.map(signed))
        .bind(signed(record.attempt))
        .bind(record.retry_of)
        .bind(record.started_unix_ms.map(signed))
        .bind(record.ended_unix_ms.map(signed))
        .bind(record.step)
        .bind(record.steps)
        .bind(signed(record.n_lines))
        .bind(record.request)
        .bind(record.outcome)
        .bind(checksum)
        .execute(connection)
        .await;
    written.map(drop).map_err(writing)
}

async fn put_log(connection: &mut SqliteConnection, job: &str, log: JobLog) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO job_logs (job, first_line, text, checksum) VALUES ($1, $2, $3, $4)
        ON CONFLICT (job) DO UPDATE SET first_line = excluded.first_line, text = excluded.text,
        checksum = excluded.checksum";
    let checksum = log_checksum(job, &log);
    let row = sqlx::query(SQL).bind(job).bind(signed(log.first_line)).bind(log.text).bind(checksum);
    row.execute(connection).await.map(drop).map_err(writing)
}

/// Removes all but the newest `keep` of the jobs that have ended.
async fn sweep(connection: &mut SqliteConnection, keep: u64) -> Result<(), Error> {
    // A damaged state is neither of the two, so such a row is deleted by its age as well.
    const OLD: &str = "SELECT id FROM jobs WHERE state NOT IN ('queued', 'running')
        ORDER BY created_unix_ms DESC, id DESC LIMIT $1 OFFSET $2";
    let old = sqlx::query_scalar::<_, String>(OLD).bind(i64::MAX).bind(signed(keep));
    for id in old.fetch_all(&mut *connection).await.map_err(writing)? {
        for sql in ["DELETE FROM jobs WHERE id = $1", "DELETE FROM job_logs WHERE job = $1"] {
            sqlx::query(sql).bind(&id).execute(&mut *connection).await.map_err(writing)?;
        }
    }
    Ok(())
}

fn writing(error: sqlx::Error) -> Error {
    Error::sql("write a job", error)
}
