//! Idempotent requests and their responses: a repeated request is executed once.

use std::sync::Arc;

use host_core::DigestWriter;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::{Error, JobRecord, State, jobs};

/// A request with an idempotency key, and its outcome. Stored in the table `answers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotentRequestRecord {
    /// A digest of the caller and the key.
    pub key: String,
    /// A digest of the request.
    pub request: String,
    /// The time of the request, in milliseconds since 1970.
    pub created_unix_ms: u64,
    /// The first job that the request created.
    pub job: Option<String>,
    /// The response, in the form of the code that stores it.
    pub response: Option<String>,
}

const COLUMNS: &str = "key, request, created_unix_ms, job, answer, checksum";

impl State {
    /// Returns the record of a key, if it exists. A damaged record counts as missing, so its request is executed again.
    pub async fn idempotent_request(&self, key: &str) -> Result<Option<IdempotentRequestRecord>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM answers WHERE key = $1");
        let row = sqlx::query(&sql).bind(key).fetch_optional(self.readers()).await.map_err(reading)?;
        let record = row.as_ref().and_then(read);
        if row.is_some() && record.is_none() {
            tracing::warn!("the record of a request with an `Idempotency-Key` is damaged and is ignored");
        }
        Ok(record)
    }

    /// Writes a record. Records older than `oldest_unix_ms` are deleted; of the others, the newest `keep` are kept.
    ///
    /// # Cancel safety
    /// If the future is dropped, the record is written completely or not at all.
    pub async fn put_idempotent_request(
        &self,
        record: IdempotentRequestRecord,
        oldest_unix_ms: u64,
        keep: u64,
    ) -> Result<(), Error> {
        let change = self.change(move |connection| {
            Box::pin(async move {
                write(connection, record).await?;
                sweep(connection, oldest_unix_ms, keep).await
            })
        });
        change.await
    }

    /// Deletes the record of a key, unless its request has become a job.
    pub async fn forget_idempotent_request(&self, key: &str) -> Result<(), Error> {
        let key = key.to_owned();
        let change = self.change(move |connection| {
            Box::pin(async move {
                let row = sqlx::query("DELETE FROM answers WHERE key = $1 AND job IS NULL").bind(key);
                row.execute(connection).await.map(drop).map_err(writing)
            })
        });
        change.await
    }

    /// Writes a new job, and the job's id into the record of a key, in one transaction. A record that already has a job
    /// is not changed, and a missing record is not created.
    ///
    /// # Cancel safety
    /// If the future is dropped, both are written or neither.
    pub async fn put_job_of(&self, job: JobRecord, key: String) -> Result<(), Error> {
        let both = self.change(move |connection| {
            Box::pin(async move {
                let sql = format!("SELECT {COLUMNS} FROM answers WHERE key = $1");
                let row = sqlx::query(&sql).bind(key).fetch_optional(&mut *connection).await.map_err(writing)?;
                if let Some(record @ IdempotentRequestRecord { job: None, .. }) = row.as_ref().and_then(read) {
                    write(connection, IdempotentRequestRecord { job: Some(job.id.clone()), ..record }).await?;
                }
                jobs::write(connection, job).await
            })
        });
        both.await
    }
}

async fn write(connection: &mut SqliteConnection, record: IdempotentRequestRecord) -> Result<(), Error> {
    let sql = format!(
        "INSERT INTO answers ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (key) DO UPDATE SET request = excluded.request, created_unix_ms = excluded.created_unix_ms,
         job = excluded.job, answer = excluded.answer, checksum = excluded.checksum"
    );
    let checksum = checksum(&record);
    let row = sqlx::query(&sql)
        .bind(record.key)
        .bind(record.request)
        .bind(signed(record.created_unix_ms))
        .bind(record.job)
        .bind(record.response)
        .bind(checksum);
    row.execute(connection).await.map(drop).map_err(writing)
}

async fn sweep(connection: &mut SqliteConnection, oldest_unix_ms: u64, keep: u64) -> Result<(), Error> {
    let old = sqlx::query("DELETE FROM answers WHERE created_unix_ms < $1").bind(signed(oldest_unix_ms));
    old.execute(&mut *connection).await.map_err(writing)?;
    const TOO_MANY: &str = "DELETE FROM answers WHERE key IN
        (SELECT key FROM answers ORDER BY created_unix_ms DESC, key DESC LIMIT $1 OFFSET $2)";
    let too_many = sqlx::query(TOO_MANY).bind(i64::MAX).bind(signed(keep));
    too_many.execute(connection).await.map(drop).map_err(writing)
}

/// Reads a row; `None` if it is damaged.
fn read(row: &SqliteRow) -> Option<IdempotentRequestRecord> {
    let record = IdempotentRequestRecord {
        key: row.try_get("key").ok()?,
        request: row.try_get("request").ok()?,
        created_unix_ms: row.try_get::<i64, _>("created_unix_ms").ok()?.unsigned_abs(),
        job: row.try_get("job").ok()?,
        response: row.try_get("answer").ok()?,
    };
    let written: String = row.try_get("checksum").ok()?;
    (written == checksum(&record)).then_some(record)
}

fn checksum(record: &IdempotentRequestRecord) -> String {
    let mut writer = DigestWriter::new();
    writer.field(record.key.as_bytes()).field(record.request.as_bytes()).field(&record.created_unix_ms.to_le_bytes());
    for text in [&record.job, &record.response] {
        // A missing text differs from an empty one.
        writer.field(&[u8::from(text.is_some())]).field(text.as_deref().unwrap_or_default().as_bytes());
    }
    let mut hex = writer.finish().hex();
    hex.truncate(32);
    hex
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn reading(error: sqlx::Error) -> Error {
    Error::sql("read the record of an `Idempotency-Key`", Arc::new(error))
}

fn writing(error: sqlx::Error) -> Error {
    Error::sql("write the record of an `Idempotency-Key`", Arc::new(error))
}
