//! The event journal: the newest events, in order.

mod detail;

use std::sync::Arc;

use host_core::DigestWriter;
use host_core::event::{Event, EventFilter};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::{Error, State};

pub use detail::{event_detail, event_kind};

/// The maximum number of an event, which every JSON parser represents exactly.
const MAX_SEQ: i64 = 1 << 53;

/// A part of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventPage {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// The number of the last examined event, readable or not; `None` if there was none.
    pub last: Option<u64>,
    /// Whether fewer events were found than requested.
    pub is_last: bool,
    /// The oldest stored number, of any plugin and kind.
    pub oldest: Option<u64>,
    /// The number of skipped events, whose rows are damaged.
    pub damaged: u64,
}

/// One event, ready to be written.
struct Written {
    seq: i64,
    at_unix_ms: i64,
    plugin: Option<String>,
    job: Option<String>,
    kind: &'static str,
    detail: String,
    checksum: String,
}

impl State {
    /// Appends events to the journal, all or none, and deletes the oldest if there are more than `max_kept`: a tenth at
    /// once, so that not every event costs a deletion. An existing number is overwritten.
    ///
    /// # Cancel safety
    /// If the future is dropped, they are appended or not.
    pub async fn append_events(&self, events: &[Arc<Event>], max_kept: u64) -> Result<(), Error> {
        let events = events.iter().map(|event| Written::new(event)).collect::<Vec<_>>();
        self.change(move |connection| Box::pin(append(connection, events, signed(max_kept)))).await
    }

    /// At most `limit` events with numbers above `after`, the oldest of these.
    pub async fn events_after(&self, after: u64, filter: &EventFilter, limit: u32) -> Result<EventPage, Error> {
        self.read_events((signed(after), MAX_SEQ), "ASC", filter, limit).await
    }

    /// The newest events, at most `limit`.
    pub async fn newest_events(&self, filter: &EventFilter, limit: u32) -> Result<EventPage, Error> {
        let mut page = self.read_events((0, MAX_SEQ), "DESC", filter, limit).await?;
        page.events.reverse();
        Ok(page)
    }

    /// The number of the newest event; 0 if there was none.
    pub async fn newest_event_seq(&self) -> Result<u64, Error> {
        // A bit that flipped in a number must not lead to numbers without end.
        let row = sqlx::query_scalar("SELECT COALESCE(MAX(seq), 0) FROM events WHERE seq <= $1").bind(MAX_SEQ);
        let newest: i64 = row.fetch_one(self.readers()).await.map_err(reading)?;
        Ok(newest.unsigned_abs())
    }

    async fn read_events(
        &self,
        (after, until): (i64, i64),
        order: &str,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<EventPage, Error> {
        let mut sql = "SELECT seq, at_unix_ms, plugin, job, kind, detail, checksum FROM events
            WHERE seq > $1 AND seq <= $2"
            .to_owned();
        let kinds = filter.kinds.names();
        if !kinds.is_empty() {
            let places = (0..kinds.len()).map(|at| format!("${}", at + 4)).collect::<Vec<_>>();
            sql += &format!(" AND kind IN ({})", places.join(", "));
        }
        if filter.plugin.is_some() {
            sql += &format!(" AND plugin = ${}", kinds.len() + 4);
        }
        sql += &format!(" ORDER BY seq {order} LIMIT $3");
        let mut query = sqlx::query(&sql).bind(after).bind(until).bind(i64::from(limit));
        for kind in kinds {
            query = query.bind(*kind);
        }
        if let Some(plugin) = &filter.plugin {
            query = query.bind(plugin.as_str());
        }
        // One transaction, so that events trimmed in between do not look as if they never existed.
        let mut transaction = self.readers().begin().await.map_err(reading)?;
        let oldest = sqlx::query_scalar("SELECT MIN(seq) FROM events WHERE seq > 0").fetch_one(&mut *transaction).await;
        let oldest: Option<i64> = oldest.map_err(reading)?;
        let rows = query.fetch_all(&mut *transaction).await.map_err(reading)?;
        transaction.rollback().await.map_err(reading)?;
        let mut page = EventPage { oldest: oldest.map(i64::unsigned_abs), ..EventPage::default() };
        page.is_last = rows.len() < limit as usize;
        for row in &rows {
            page.last = page.last.max(row.try_get("seq").ok().map(i64::unsigned_abs));
            match event(row) {
                Some(event) => page.events.push(event),
                None => page.damaged += 1,
            }
        }
        Ok(page)
    }
}

async fn append(connection: &mut SqliteConnection, events: Vec<Written>, max_kept: i64) -> Result<(), Error> {
    const INSERT: &str = "INSERT INTO events (seq, at_unix_ms, plugin, job, kind, detail, checksum)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (seq) DO UPDATE SET at_unix_ms = excluded.at_unix_ms, plugin = excluded.plugin, job = excluded.job,
        kind = excluded.kind, detail = excluded.detail, checksum = excluded.checksum";
    const TRIM: &str = "DELETE FROM events WHERE seq <
        (SELECT MIN(seq) FROM (SELECT seq FROM events ORDER BY seq DESC LIMIT $1) AS newest)";
    for event in events {
        let row = sqlx::query(INSERT).bind(event.seq).bind(event.at_unix_ms).bind(event.plugin).bind(event.job);
        let row = row.bind(event.kind).bind(event.detail).bind(event.checksum);
        row.execute(&mut *connection).await.map_err(writing)?;
    }
    let count = sqlx::query_scalar("SELECT COUNT(*) FROM events").fetch_one(&mut *connection).await;
    let count: i64 = count.map_err(writing)?;
    if count > max_kept {
        let trim = sqlx::query(TRIM).bind((max_kept - max_kept / 10).max(1));
        trim.execute(connection).await.map_err(writing)?;
    }
    Ok(())
}

// === impl Written ===

impl Written {
    fn new(event: &Event) -> Written {
        let (kind, detail) = (event.kind.name(), serde_json::Value::Object(event_detail(&event.kind)).to_string());
        let plugin = event.plugin.as_ref().map(|plugin| plugin.as_str().to_owned());
        let (seq, at_unix_ms) = (signed(event.seq), signed(event.at_unix_ms));
        let checksum = checksum(seq, at_unix_ms, plugin.as_deref(), event.job.as_deref(), kind, &detail);
        Written { seq, at_unix_ms, plugin, job: event.job.clone(), kind, detail, checksum }
    }
}

/// Reads an event from a row; `None` if it is damaged.
fn event(row: &SqliteRow) -> Option<Event> {
    let (seq, at_unix_ms): (i64, i64) = (row.try_get("seq").ok()?, row.try_get("at_unix_ms").ok()?);
    let (plugin, job): (Option<String>, Option<String>) = (row.try_get("plugin").ok()?, row.try_get("job").ok()?);
    let (kind, detail): (String, String) = (row.try_get("kind").ok()?, row.try_get("detail").ok()?);
    let written: String = row.try_get("checksum").ok()?;
    if written != checksum(seq, at_unix_ms, plugin.as_deref(), job.as_deref(), &kind, &detail) {
        return None;
    }
    let plugin = match plugin {
        Some(plugin) => Some(plugin.parse().ok()?),
        None => None,
    };
    let kind = event_kind(&kind, &serde_json::from_str(&detail).ok()?)?;
    Some(Event { seq: seq.unsigned_abs(), at_unix_ms: at_unix_ms.unsigned_abs(), plugin, job, kind })
}

/// The checksum of a row: 32 hex digits. A missing text and an empty text have different checksums.
fn checksum(seq: i64, at_unix_ms: i64, plugin: Option<&str>, job: Option<&str>, kind: &str, detail: &str) -> String {
    let mut writer = DigestWriter::new();
    writer.field(&seq.to_le_bytes()).field(&at_unix_ms.to_le_bytes());
    for text in [plugin, job] {
        writer.field(&[u8::from(text.is_some())]).field(text.unwrap_or_default().as_bytes());
    }
    writer.field(kind.as_bytes()).field(detail.as_bytes());
    let mut hex = writer.finish().hex();
    hex.truncate(32);
    hex
}

/// SQL numbers are signed; the counts here never reach the limit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn reading(error: sqlx::Error) -> Error {
    Error::sql("read the journal", error)
}

fn writing(error: sqlx::Error) -> Error {
    Error::sql("write to the journal", error)
}
