//! What the operator asked for, as revisions: each change with who made it, when and why. The newest one of a plugin counts.

use std::sync::Arc;

use host_core::{Desired, DigestWriter, PluginId};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::document::{read_desired, write_desired};
use crate::{Error, State};

/// One change of what is asked for, to be made.
#[derive(Clone, Debug)]
pub struct Change {
    /// The plugin.
    pub plugin: PluginId,
    /// What is asked for from now on; `None` when the plugin is gone.
    pub desired: Option<Desired>,
    /// The revision that the change was made from, 0 for none; `None` takes whatever is there.
    pub expected: Option<u64>,
    /// Who asks.
    pub actor: String,
    /// For what: `load`, `disable`, …
    pub operation: String,
    /// Why.
    pub reason: Option<String>,
    /// When, in milliseconds since 1970.
    pub at_unix_ms: u64,
}

/// One change of what is asked for, as it was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// Counts up over all plugins; never given twice.
    pub number: u64,
    /// The plugin.
    pub plugin: PluginId,
    /// When, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// Who asked.
    pub actor: String,
    /// For what.
    pub operation: String,
    /// Why, if that was said.
    pub reason: Option<String>,
    /// What is asked for from then on; `None` when the plugin is gone.
    pub desired: Option<Desired>,
}

/// A revision that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The plugin, as the damaged row names it.
    pub plugin: String,
    /// The number of the revision.
    pub number: u64,
    /// How it shows.
    pub reason: String,
}

/// The newest revision of each plugin that is there, and those that can't be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Newest {
    /// By plugin.
    pub revisions: Vec<Revision>,
    /// What is damaged. The plugins are not among the revisions.
    pub damaged: Vec<Damage>,
}

const COLUMNS: &str = "number, plugin, at_unix_ms, actor, operation, reason, document, checksum";

impl State {
    /// Makes all changes or none, and returns the number of each.
    ///
    /// # Errors
    /// [`Error::Stale`] when a plugin's newest revision is not the expected one.
    ///
    /// # Cancel safety
    /// When the future is dropped, all are made or none.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<Vec<u64>, Error> {
        self.change(move |connection| Box::pin(commit(connection, changes))).await
    }

    /// What is asked for now.
    pub async fn newest(&self) -> Result<Newest, Error> {
        self.newest_where("1 = $1", 1).await
    }

    /// What was asked for at a time, in milliseconds since 1970.
    pub async fn newest_at(&self, at_unix_ms: u64) -> Result<Newest, Error> {
        self.newest_where("at_unix_ms <= $1", signed(at_unix_ms)).await
    }

    async fn newest_where(&self, condition: &str, bound: i64) -> Result<Newest, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM revisions WHERE number IN
             (SELECT MAX(number) FROM revisions WHERE {condition} GROUP BY plugin) ORDER BY plugin"
        );
        let rows = sqlx::query(&sql).bind(bound).fetch_all(self.readers()).await.map_err(reading)?;
        let mut newest = Newest::default();
        for row in &rows {
            match revision(row)? {
                Ok(Revision { desired: None, .. }) => {}
                Ok(revision) => newest.revisions.push(revision),
                Err(damage) => newest.damaged.push(damage),
            }
        }
        Ok(newest)
    }

    /// The newest revisions, of one plugin or of all, before the one with the number `before`. Damaged ones are left out and
    /// logged.
    pub async fn revisions(
        &self,
        plugin: Option<&PluginId>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Revision>, Error> {
        let sql = format!(
            "SELECT {COLUMNS} FROM revisions WHERE (plugin = $1 OR $1 = '') AND number < $2 ORDER BY number DESC LIMIT $3"
        );
        let rows = sqlx::query(&sql)
            .bind(plugin.map_or("", PluginId::as_str))
            .bind(before.map_or(i64::MAX, signed))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(self.readers())
            .await
            .map_err(reading)?;
        let mut revisions = Vec::with_capacity(rows.len());
        for row in &rows {
            match revision(row)? {
                Ok(revision) => revisions.push(revision),
                Err(damage) => tracing::warn!(number = damage.number, "a revision is damaged: {}", damage.reason),
            }
        }
        Ok(revisions)
    }

    /// The revision with that number.
    ///
    /// # Errors
    /// [`Error::DamagedRevision`] when it is not what was written.
    pub async fn revision(&self, number: u64) -> Result<Option<Revision>, Error> {
        let sql = format!("SELECT {COLUMNS} FROM revisions WHERE number = $1");
        let row = sqlx::query(&sql).bind(signed(number)).fetch_optional(self.readers()).await;
        let Some(row) = row.map_err(reading)? else { return Ok(None) };
        match revision(&row)? {
            Ok(revision) => Ok(Some(revision)),
            Err(Damage { number, reason, .. }) => Err(Error::DamagedRevision { number, reason }),
        }
    }
}

async fn commit(connection: &mut SqliteConnection, changes: Vec<Change>) -> Result<Vec<u64>, Error> {
    let mut numbers = Vec::with_capacity(changes.len());
    let newest = sqlx::query_scalar::<_, i64>("SELECT COALESCE(MAX(number), 0) FROM revisions");
    let mut number = newest.fetch_one(&mut *connection).await.map_err(writing)?;
    for change in changes {
        if let Some(expected) = change.expected {
            // A plugin that is gone is none, whatever it was.
            let found = sqlx::query_scalar::<_, i64>(
                "SELECT number FROM revisions WHERE plugin = $1 AND document <> '' AND number =
                 (SELECT MAX(number) FROM revisions WHERE plugin = $1)",
            );
            let found = found.bind(change.plugin.as_str()).fetch_optional(&mut *connection).await.map_err(writing)?;
            let found = found.unwrap_or(0).unsigned_abs();
            if found != expected {
                return Err(Error::Stale { plugin: change.plugin, expected, found });
            }
        }
        number += 1;
        let fields = Fields {
            number,
            plugin: change.plugin.as_str(),
            at_unix_ms: signed(change.at_unix_ms),
            actor: &change.actor,
            operation: &change.operation,
            reason: change.reason.as_deref().unwrap_or_default(),
            document: &change.desired.as_ref().map(write_desired).unwrap_or_default(),
        };
        sqlx::query(
            "INSERT INTO revisions (number, plugin, at_unix_ms, actor, operation, reason, document, checksum)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(fields.number)
        .bind(fields.plugin)
        .bind(fields.at_unix_ms)
        .bind(fields.actor)
        .bind(fields.operation)
        .bind(fields.reason)
        .bind(fields.document)
        .bind(fields.checksum())
        .execute(&mut *connection)
        .await
        .map_err(writing)?;
        numbers.push(number.unsigned_abs());
    }
    Ok(numbers)
}

/// The fields of a row.
struct Fields<'a> {
    number: i64,
    plugin: &'a str,
    at_unix_ms: i64,
    actor: &'a str,
    operation: &'a str,
    reason: &'a str,
    document: &'a str,
}

impl Fields<'_> {
    fn checksum(&self) -> String {
        let mut writer = DigestWriter::new();
        writer.field(&self.number.to_le_bytes()).field(self.plugin.as_bytes()).field(&self.at_unix_ms.to_le_bytes());
        for text in [self.actor, self.operation, self.reason, self.document] {
            writer.field(text.as_bytes());
        }
        let mut hex = writer.finish().hex();
        hex.truncate(32);
        hex
    }
}

/// Reads a row; the inner error says that it is damaged.
fn revision(row: &SqliteRow) -> Result<Result<Revision, Damage>, Error> {
    let number: i64 = row.try_get("number").map_err(reading)?;
    // A flipped bit may make a text that is no UTF-8, which is damage and not a failure of the database.
    let texts = ["plugin", "actor", "operation", "reason", "document", "checksum"].map(|column| text(row, column));
    let [plugin, actor, operation, reason, document, checksum] = texts;
    let at_unix_ms: i64 = row.try_get("at_unix_ms").unwrap_or(i64::MIN);
    let fields = Fields {
        number,
        plugin: &plugin,
        at_unix_ms,
        actor: &actor,
        operation: &operation,
        reason: &reason,
        document: &document,
    };
    let damage = |reason: String| Damage { plugin: plugin.clone(), number: number.unsigned_abs(), reason };
    if fields.checksum() != checksum {
        return Ok(Err(damage("its checksum does not fit".to_owned())));
    }
    let desired = match document.as_str() {
        "" => Ok(None),
        document => read_desired(document).map(Some),
    };
    let read = desired.and_then(|desired| Ok((desired, plugin.parse().map_err(|error| format!("{error}"))?)));
    Ok(match read {
        Ok((desired, id)) => Ok(Revision {
            number: number.unsigned_abs(),
            plugin: id,
            at_unix_ms: at_unix_ms.unsigned_abs(),
            actor: actor.clone(),
            operation: operation.clone(),
            reason: Some(reason.clone()).filter(|reason| !reason.is_empty()),
            desired,
        }),
        Err(reason) => Err(damage(reason)),
    })
}

fn text(row: &SqliteRow, column: &str) -> String {
    let bytes: Result<Vec<u8>, _> = row.try_get_unchecked(column);
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn reading(error: sqlx::Error) -> Error {
    Error::sql("read what was asked for", Arc::new(error))
}

fn writing(error: sqlx::Error) -> Error {
    Error::sql("note what was asked for", Arc::new(error))
}
