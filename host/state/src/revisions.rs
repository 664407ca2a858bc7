//! The desired state as revisions: each change with actor, time and reason. The newest revision of a plugin counts.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use host_core::{Desired, DigestWriter, PluginId};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::document::{read_desired, write_desired};
use crate::{Error, JobRecord, State, jobs};

/// A change of the desired state to be made.
#[derive(Clone, Debug)]
pub struct Change {
    /// The plugin.
    pub plugin: PluginId,
    /// The new desired state; `None` if the plugin is removed.
    pub desired: Option<Desired>,
    /// The revision that the change is based on, 0 for none; `None` accepts any.
    pub expected: Option<u64>,
    /// The actor.
    pub actor: String,
    /// The operation: `load`, `disable`, …
    pub operation: String,
    /// The reason.
    pub reason: Option<String>,
    /// The time, in milliseconds since 1970.
    pub at_unix_ms: u64,
}

/// A change of the desired state.
#[derive(Clone, Debug, PartialEq)]
pub struct Revision {
    /// Increases over all plugins; never reused.
    pub number: u64,
    /// The plugin.
    pub plugin: PluginId,
    /// The time, in milliseconds since 1970.
    pub at_unix_ms: u64,
    /// The actor.
    pub actor: String,
    /// The operation: `load`, `disable`, …
    pub operation: String,
    /// The reason, if given.
    pub reason: Option<String>,
    /// The desired state since then; `None` if the plugin was removed.
    pub desired: Option<Desired>,
}

/// A damaged revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The plugin, as the damaged row names it.
    pub plugin: String,
    /// The number of the revision.
    pub number: u64,
    /// The evidence.
    pub reason: String,
}

/// The newest revision of each plugin, and the unreadable ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Newest {
    /// Sorted by plugin.
    pub revisions: Vec<Revision>,
    /// The removed plugins, with the number of the revision that removed them.
    pub gone: Vec<(PluginId, u64)>,
    /// The damaged revisions. Their plugins are not among the revisions.
    pub damaged: Vec<Damage>,
}

const COLUMNS: &str = "number, plugin, at_unix_ms, actor, operation, reason, document, checksum";

impl State {
    /// Makes all changes or none, and returns the number of each.
    ///
    /// # Errors
    /// [`Error::Stale`] if a plugin's newest revision is not the expected one. A removal or a damaged revision counts
    /// as none.
    ///
    /// # Cancel safety
    /// If the future is dropped, all are made or none.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<Vec<u64>, Error> {
        self.change(move |connection| Box::pin(commit(connection, changes, 0))).await
    }

    /// Makes a change and writes the progress of its job in one transaction, so that the next host knows what the job
    /// has done. Returns the revision's number.
    ///
    /// # Errors
    /// As [`State::commit`].
    ///
    /// # Cancel safety
    /// As [`State::commit`].
    pub async fn commit_for(&self, change: Change, job: JobRecord) -> Result<u64, Error> {
        let both = self.change(move |connection| {
            Box::pin(async move {
                let numbers = commit(connection, vec![change], 0).await?;
                jobs::write(connection, job).await?;
                Ok(numbers)
            })
        });
        Ok(both.await?.first().copied().unwrap_or_default())
    }

    /// Makes all changes or none, with numbers above `last`: for a rebuilt state, so that no number is reused.
    ///
    /// # Errors
    /// As [`State::commit`].
    ///
    /// # Cancel safety
    /// As [`State::commit`].
    pub async fn commit_above(&self, last: u64, changes: Vec<Change>) -> Result<Vec<u64>, Error> {
        self.change(move |connection| Box::pin(commit(connection, changes, last))).await
    }

    /// Returns the current desired state.
    pub async fn newest(&self) -> Result<Newest, Error> {
        self.newest_where("1 = $1", 1).await
    }

    /// Returns the desired state at a time, in milliseconds since 1970.
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
        let mut whole: BTreeMap<PluginId, Revision> = BTreeMap::new();
        for row in &rows {
            match revision(row)? {
                // The database finds rows by an index; where a bit of that has flipped, a plugin may be found twice.
                Ok(revision) => match whole.entry(revision.plugin.clone()) {
                    Entry::Occupied(mut found) if found.get().number < revision.number => drop(found.insert(revision)),
                    Entry::Occupied(_) => {}
                    Entry::Vacant(place) => drop(place.insert(revision)),
                },
                Err(damage) => newest.damaged.push(damage),
            }
        }
        for (plugin, revision) in whole {
            match revision.desired {
                Some(_) => newest.revisions.push(revision),
                None => newest.gone.push((plugin, revision.number)),
            }
        }
        Ok(newest)
    }

    /// Returns the newest revisions, of one plugin or of all, with numbers below `before`. Damaged ones are skipped and
    /// logged: fewer than `limit` means that there are no older ones.
    pub async fn revisions(
        &self,
        plugin: Option<&PluginId>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Revision>, Error> {
        // Two queries: one query for both cases would read the revisions of all plugins to find those of one.
        let of_plugin = if plugin.is_some() { "plugin = $1" } else { "'' = $1" };
        let sql =
            format!("SELECT {COLUMNS} FROM revisions WHERE {of_plugin} AND number < $2 ORDER BY number DESC LIMIT $3");
        let mut before = before.map_or(i64::MAX, signed);
        let mut revisions = vec![];
        while revisions.len() < limit {
            let wanted = limit - revisions.len();
            let rows = sqlx::query(&sql)
                .bind(plugin.map_or("", PluginId::as_str))
                .bind(before)
                .bind(i64::try_from(wanted).unwrap_or(i64::MAX))
                .fetch_all(self.readers())
                .await
                .map_err(reading)?;
            for row in &rows {
                before = row.try_get("number").map_err(reading)?;
                match revision(row)? {
                    Ok(revision) => revisions.push(revision),
                    Err(damage) => tracing::warn!(number = damage.number, "a revision is damaged: {}", damage.reason),
                }
            }
            // Fewer rows than requested: there are no older revisions.
            if rows.len() < wanted {
                break;
            }
        }
        Ok(revisions)
    }

    /// The revision with that number.
    ///
    /// # Errors
    /// [`Error::DamagedRevision`] if it is damaged.
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

async fn commit(connection: &mut SqliteConnection, changes: Vec<Change>, last: u64) -> Result<Vec<u64>, Error> {
    let mut numbers = Vec::with_capacity(changes.len());
    let newest = sqlx::query_scalar::<_, i64>("SELECT COALESCE(MAX(number), 0) FROM revisions");
    let mut number = newest.fetch_one(&mut *connection).await.map_err(writing)?.max(signed(last));
    for change in changes {
        if let Some(expected) = change.expected {
            let found = found(connection, &change.plugin).await?;
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

/// The number of a plugin's newest revision; 0 for none.
async fn found(connection: &mut SqliteConnection, plugin: &PluginId) -> Result<u64, Error> {
    // Found by its number, as where the newest of all are read: otherwise the name may be that of the index.
    let sql =
        format!("SELECT {COLUMNS} FROM revisions WHERE number = (SELECT MAX(number) FROM revisions WHERE plugin = $1)");
    let row = sqlx::query(&sql).bind(plugin.as_str()).fetch_optional(connection).await.map_err(writing)?;
    let newest = row.as_ref().map(revision).transpose()?;
    Ok(match newest {
        Some(Ok(Revision { number, desired: Some(_), .. })) => number,
        _ => 0,
    })
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

/// Reads a row; the inner error means that it is damaged.
fn revision(row: &SqliteRow) -> Result<Result<Revision, Damage>, Error> {
    let number: i64 = row.try_get("number").map_err(reading)?;
    // A flipped bit may produce a text that is not UTF-8: damage, not a failure of the database.
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
