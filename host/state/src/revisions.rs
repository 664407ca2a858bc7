//! The desired state as revisions: each change with actor, time and reason. The newest revision of a plugin counts.

mod commit;
mod row;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use host_core::{Desired, PluginId};
use sqlx::Row as _;

use crate::{Error, JobRecord, State, jobs};
use commit::commit;
use row::revision;

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

    /// Makes a change and writes the progress of its job in one transaction, so that a restarted host knows what the
    /// job has done. Returns the revision's number.
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

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn reading(error: sqlx::Error) -> Error {
    Error::sql("read the desired state", Arc::new(error))
}

fn writing(error: sqlx::Error) -> Error {
    Error::sql("store the desired state", Arc::new(error))
}
