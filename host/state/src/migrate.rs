//! The schema, as numbered steps. Steps are added at the end and never changed.

use std::path::Path;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Row as _};

use crate::Error;
use crate::error::code;

/// Each step as its number, its name and its SQL. A step that was released is never edited.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "kv", include_str!("../migrations/0001_kv.sql")),
    (2, "installed", include_str!("../migrations/0002_installed.sql")),
    (3, "revisions", include_str!("../migrations/0003_revisions.sql")),
    (4, "jobs", include_str!("../migrations/0004_jobs.sql")),
    (5, "events", include_str!("../migrations/0005_events.sql")),
    (6, "access", include_str!("../migrations/0006_access.sql")),
    (7, "audit", include_str!("../migrations/0007_audit.sql")),
    (8, "answers", include_str!("../migrations/0008_answers.sql")),
];

/// The application id that marks a database of this program: the letters `PHst`.
const APPLICATION_ID: i64 = 0x5048_7374;

/// The schema version of an existing file, read without writing; `None` if it is empty.
///
/// # Errors
/// [`Error::Foreign`], [`Error::Newer`], [`Error::Corrupt`]; [`Error::Sql`] when it cannot be read.
pub(crate) async fn check(path: &Path, connection: &mut SqliteConnection) -> Result<Option<i64>, Error> {
    let application: i64 = number(path, connection, "PRAGMA application_id").await?;
    let n_tables: i64 = number(path, connection, "SELECT COUNT(*) FROM sqlite_master").await?;
    if application != APPLICATION_ID {
        // A host that was ended before its first commit leaves an empty database.
        return if n_tables == 0 { Ok(None) } else { Err(Error::Foreign { path: path.to_owned() }) };
    }
    let found = applied(connection).await.map_err(|error| refusal(path, error))?;
    let known = MIGRATIONS.last().map_or(0, |(number, ..)| *number);
    if found > known {
        return Err(Error::Newer { path: path.to_owned(), found, known });
    }
    let verdict = sqlx::query("PRAGMA quick_check(1)").fetch_one(connection).await;
    let verdict: String = verdict.and_then(|row| row.try_get(0)).map_err(|error| refusal(path, error))?;
    match verdict.as_str() {
        "ok" => Ok(Some(found)),
        _ => Err(Error::Corrupt { path: path.to_owned(), reason: verdict }),
    }
}

/// Applies the missing migrations, each in its own transaction. An up-to-date file is not written, so that a host also
/// starts on a full disk.
pub(crate) async fn migrate(connection: &mut SqliteConnection, applied: Option<i64>) -> Result<(), Error> {
    let failed = |error| Error::sql("bring the state database to the schema of this host", Arc::new(error));
    steps(connection, applied).await.map_err(failed)
}

async fn steps(connection: &mut SqliteConnection, applied: Option<i64>) -> Result<(), sqlx::Error> {
    if applied.is_none() {
        let create = format!(
            "PRAGMA application_id = {APPLICATION_ID};
             CREATE TABLE migrations (number BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL);"
        );
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::raw_sql(&create).execute(&mut *transaction).await?;
        transaction.commit().await?;
    }
    let applied = applied.unwrap_or(0);
    for (number, name, script) in MIGRATIONS.iter().filter(|(number, ..)| *number > applied) {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::raw_sql(script).execute(&mut *transaction).await?;
        let row = sqlx::query("INSERT INTO migrations (number, name) VALUES ($1, $2)").bind(number).bind(name);
        row.execute(&mut *transaction).await?;
        transaction.commit().await?;
        tracing::debug!(number, "the state database now has schema {number} (`{name}`)");
    }
    Ok(())
}

async fn applied(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT COALESCE(MAX(number), 0) FROM migrations").fetch_one(connection).await
}

async fn number(path: &Path, connection: &mut SqliteConnection, sql: &str) -> Result<i64, Error> {
    sqlx::query_scalar(sql).fetch_one(connection).await.map_err(|error| refusal(path, error))
}

/// Interprets an error while a file is examined.
pub(crate) fn refusal(path: &Path, error: sqlx::Error) -> Error {
    // SQLITE_CORRUPT and SQLITE_NOTADB; and a file of ours without the table that is made first (SQLITE_ERROR).
    match code(&error).map(|code| code & 0xff) {
        Some(1 | 11 | 26) => Error::Corrupt { path: path.to_owned(), reason: error.to_string() },
        _ => Error::sql("read the state database", Arc::new(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_stand_in_the_order_of_their_numbers() {
        assert!(MIGRATIONS.is_sorted_by(|one, next| one.0 < next.0));
    }
}
