//! A job and its log as rows, with checksums.

use host_core::DigestWriter;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{JobLog, JobRecord};

/// All columns, in the order in which [`change::put`](super::change) binds them.
pub(super) const COLUMNS: &str = "id, created_unix_ms, state, operation, plugin, subject, actor, reason, on_conflict,
    timeout_ms, attempt, retry_of, started_unix_ms, ended_unix_ms, step, steps, n_lines, request, outcome, checksum";

/// Reads a job from a row; `None` if it is damaged.
pub(super) fn job(row: &SqliteRow) -> Option<JobRecord> {
    let text = |column: &str| row.try_get::<String, _>(column).ok();
    let optional_text = |column: &str| row.try_get::<Option<String>, _>(column).ok();
    let number = |column: &str| Some(row.try_get::<i64, _>(column).ok()?.unsigned_abs());
    let optional_number = |column: &str| Some(row.try_get::<Option<i64>, _>(column).ok()?.map(i64::unsigned_abs));
    let record = JobRecord {
        id: text("id")?,
        operation: text("operation")?,
        plugin: Some(text("plugin")?).filter(|plugin| !plugin.is_empty()),
        subject: text("subject")?,
        actor: text("actor")?,
        reason: optional_text("reason")?,
        on_conflict: text("on_conflict")?,
        timeout_ms: optional_number("timeout_ms")?,
        state: text("state")?.parse().ok()?,
        attempt: number("attempt")?,
        retry_of: optional_text("retry_of")?,
        created_unix_ms: number("created_unix_ms")?,
        started_unix_ms: optional_number("started_unix_ms")?,
        ended_unix_ms: optional_number("ended_unix_ms")?,
        step: text("step")?,
        steps: text("steps")?,
        n_lines: number("n_lines")?,
        request: optional_text("request")?,
        outcome: optional_text("outcome")?,
    };
    (text("checksum")? == checksum(&record)).then_some(record)
}

/// The id of a damaged row for the operator; the id may be damaged itself.
pub(super) fn id(row: &SqliteRow) -> String {
    let id = row.try_get::<String, _>("id").unwrap_or_default();
    host_core::shown(&id, 64)
}

/// Reads a log from a row; `None` if it is damaged.
pub(super) fn log(job: &str, row: &SqliteRow) -> Option<JobLog> {
    let first_line = row.try_get::<i64, _>("first_line").ok()?.unsigned_abs();
    let log = JobLog { first_line, text: row.try_get("text").ok()? };
    (row.try_get::<String, _>("checksum").ok()? == log_checksum(job, &log)).then_some(log)
}

/// 32 hex digits over every other column.
pub(super) fn checksum(record: &JobRecord) -> String {
    // All fields by name, so that a new field cannot be forgotten here.
    let JobRecord {
        id,
        operation,
        plugin,
        subject,
        actor,
        reason,
        on_conflict,
        timeout_ms,
        state,
        attempt,
        retry_of,
        created_unix_ms,
        started_unix_ms,
        ended_unix_ms,
        step,
        steps,
        n_lines,
        request,
        outcome,
    } = record;
    let mut writer = DigestWriter::new();
    for text in [id, operation, subject, actor, on_conflict, step, steps] {
        writer.field(text.as_bytes());
    }
    writer.field(state.as_str().as_bytes());
    for number in [attempt, created_unix_ms, n_lines] {
        writer.field(&number.to_le_bytes());
    }
    // A missing text differs from an empty one.
    for text in [plugin, reason, retry_of, request, outcome] {
        writer.field(&[u8::from(text.is_some())]).field(text.as_deref().unwrap_or_default().as_bytes());
    }
    for number in [timeout_ms, started_unix_ms, ended_unix_ms] {
        writer.field(&[u8::from(number.is_some())]).field(&number.unwrap_or_default().to_le_bytes());
    }
    hex(writer)
}

pub(super) fn log_checksum(job: &str, log: &JobLog) -> String {
    let mut writer = DigestWriter::new();
    writer.field(job.as_bytes()).field(&log.first_line.to_le_bytes()).field(log.text.as_bytes());
    hex(writer)
}

fn hex(writer: DigestWriter) -> String {
    let mut hex = writer.finish().hex();
    hex.truncate(32);
    hex
}

/// SQL numbers are signed; the counts here never reach the limit.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
