//! Events: published without waiting, numbered, written to the journal, then shown to readers.
//!
//! One task numbers, writes and shows the events, so that numbers, journal and readers have the same order: an event
//! that a reader sees is in the journal. If the journal cannot be written, the event is shown nevertheless.

mod follow;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_call::{EventSink, PublishEvent, now_unix_ms};
use host_core::PluginId;
use host_core::event::{Event, EventKind};
use host_state::State;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::metrics::EventMetrics;

pub use follow::{EventGap, EventStream, EventsPage, Followed};

/// The maximum number of events that wait to be written. When more are published, the oldest ones are dropped.
const MAX_WAITING: usize = 4096;
/// The maximum number of events that are written at once.
const BATCH: usize = 128;
/// The newest events in memory, for readers that keep up.
const MAX_RECENT: usize = 1024;
/// The maximum number of concurrent readers.
const MAX_STREAMS: usize = 64;
/// The time between two attempts to read the newest number from the journal.
const RETRY: Duration = Duration::from_secs(1);

/// The publisher of events. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Events(Arc<Shared>);

struct Shared {
    state: State,
    /// The number of events in the journal.
    max_kept: u64,
    waiting: Mutex<VecDeque<Waiting>>,
    arrived: Notify,
    /// Numbered without gaps.
    recent: Mutex<VecDeque<Arc<Event>>>,
    now: watch::Sender<Now>,
    closing: CancellationToken,
    /// The writing task.
    writer: TaskTracker,
    streams: Arc<Semaphore>,
    metrics: EventMetrics,
    unwritten: Throttled,
    damaged: Throttled,
}

/// An event that has no number yet.
struct Waiting {
    at_unix_ms: u64,
    plugin: Option<PluginId>,
    job: Option<String>,
    kind: EventKind,
}

/// The state that readers wait for.
#[derive(Clone, Copy, Default)]
struct Now {
    /// The number of the newest event; `None` until the journal was read.
    newest: Option<u64>,
    /// The number of the last event that readers see, once the host is stopping.
    last: Option<u64>,
}

/// Limits a log message to one per minute.
#[derive(Default)]
struct Throttled(Mutex<Option<Instant>>);

impl Events {
    /// A journal of at most `max_kept` events in `state`. Nothing is written before [`Events::start`].
    pub(crate) fn new(state: State, max_kept: u64, metrics: EventMetrics) -> Events {
        Events(Arc::new(Shared {
            state,
            max_kept,
            waiting: Mutex::default(),
            arrived: Notify::new(),
            recent: Mutex::default(),
            now: watch::Sender::new(Now::default()),
            closing: CancellationToken::new(),
            writer: TaskTracker::new(),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
            metrics,
            unwritten: Throttled::default(),
            damaged: Throttled::default(),
        }))
    }

    /// Starts the writing task on the current runtime.
    pub(crate) fn start(&self) {
        self.0.writer.spawn(write(self.0.clone()));
    }

    /// Publishes an event. Never waits and never fails: if nothing can be written for long, the oldest waiting events
    /// are dropped and counted.
    pub(crate) fn publish(&self, plugin: Option<&PluginId>, job: Option<&str>, kind: EventKind) {
        let plugin = plugin.cloned();
        let job = job.map(str::to_owned);
        let mut waiting = self.0.waiting.lock();
        if waiting.len() >= MAX_WAITING {
            waiting.pop_front();
            self.0.metrics.dropped.inc();
        }
        // Read under the lock, so that the times do not decrease from one number to the next.
        self.0.metrics.published.inc();
        waiting.push_back(Waiting { at_unix_ms: now_unix_ms(), plugin, job, kind });
        drop(waiting);
        self.0.arrived.notify_one();
    }

    /// The sink for events of generations.
    pub(crate) fn sink(&self) -> EventSink {
        EventSink::new(self.clone())
    }

    /// Writes the waiting events and ends the task. Call it before the state database is closed; later events are lost.
    pub(crate) async fn close(&self) {
        self.0.closing.cancel();
        self.0.writer.close();
        self.0.writer.wait().await;
    }
}

impl PublishEvent for Events {
    fn publish(&self, plugin: &PluginId, kind: EventKind) {
        Events::publish(self, Some(plugin), None, kind);
    }
}

// === the task ===

async fn write(shared: Arc<Shared>) {
    let mut newest = shared.newest().await.unwrap_or(0);
    shared.now.send_modify(|now| now.newest = Some(newest));
    while let Some(batch) = shared.next_batch().await {
        let events = batch.into_iter().map(|event| {
            newest += 1;
            Arc::new(event.numbered(newest))
        });
        let events = events.collect::<Vec<_>>();
        if let Err(error) = shared.state.append_events(&events, shared.max_kept).await {
            shared.metrics.dropped.inc_by(events.len() as u64);
            if shared.unwritten.is_due() {
                let count = events.len();
                tracing::warn!(code = error.code(), count, "events are published but not stored: {error}");
            }
        }
        shared.show(events);
    }
    // Readers have reached the end.
    shared.now.send_modify(|now| now.last = now.last.or(Some(newest)));
}

impl Shared {
    /// The newest number of the journal; `None` if the host stops before the journal can be read.
    async fn newest(&self) -> Option<u64> {
        loop {
            match self.state.newest_event_seq().await {
                Ok(newest) => return Some(newest),
                Err(host_state::Error::Closed) => return None,
                Err(error) if self.unwritten.is_due() => {
                    tracing::warn!(code = error.code(), "events are held back until the journal can be read: {error}");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = self.closing.cancelled() => return None,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }

    /// Waits for events; `None` at the end.
    async fn next_batch(&self) -> Option<Vec<Waiting>> {
        loop {
            // Read before the queue, so that every event published before the closing is found in the queue.
            let is_closing = self.closing.is_cancelled();
            {
                let mut waiting = self.waiting.lock();
                if !waiting.is_empty() {
                    let count = waiting.len().min(BATCH);
                    return Some(waiting.drain(..count).collect());
                }
            }
            if is_closing {
                return None;
            }
            tokio::select! {
                () = self.arrived.notified() => {}
                () = self.closing.cancelled() => {}
            }
        }
    }

    /// Shows events to readers.
    fn show(&self, events: Vec<Arc<Event>>) {
        let newest = events.last().map(|event| event.seq);
        let stopping = events.iter().find(|event| event.kind == EventKind::HostStopping).map(|event| event.seq);
        let mut recent = self.recent.lock();
        recent.extend(events);
        let n_old = recent.len().saturating_sub(MAX_RECENT);
        recent.drain(..n_old);
        drop(recent);
        self.now.send_modify(|now| {
            now.newest = newest.or(now.newest);
            now.last = now.last.or(stopping);
        });
    }
}

impl Waiting {
    fn numbered(self, seq: u64) -> Event {
        let Waiting { at_unix_ms, plugin, job, kind } = self;
        Event { seq, at_unix_ms, plugin, job, kind }
    }
}

impl Throttled {
    fn is_due(&self) -> bool {
        let mut last = self.0.lock();
        let is_due = last.is_none_or(|last| last.elapsed() >= Duration::from_secs(60));
        if is_due {
            *last = Some(Instant::now());
        }
        is_due
    }
}
