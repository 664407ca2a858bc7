//! Events on their way: published without waiting, numbered, written to the journal, then shown.
//!
//! One task does all but the first, so numbers, journal and readers have one order: who is shown an event can find it in
//! the journal. When that can't be written, the event is shown all the same.

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

/// Events that may wait to be written. When more come, the oldest of them are lost.
const MAX_WAITING: usize = 4096;
/// The most that are written at once.
const BATCH: usize = 128;
/// The newest events, which readers that keep up are shown without a look into the journal.
const MAX_RECENT: usize = 1024;
/// Readers that may follow at once.
const MAX_STREAMS: usize = 64;
/// How long to wait before the journal is asked again for its newest number.
const RETRY: Duration = Duration::from_secs(1);

/// Where events go. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Events(Arc<Shared>);

struct Shared {
    state: State,
    /// Events that the journal keeps.
    max_kept: u64,
    waiting: Mutex<VecDeque<Waiting>>,
    arrived: Notify,
    /// Numbered without a hole.
    recent: Mutex<VecDeque<Arc<Event>>>,
    now: watch::Sender<Now>,
    closing: CancellationToken,
    /// The one task.
    writer: TaskTracker,
    streams: Arc<Semaphore>,
    metrics: EventMetrics,
    unwritten: Throttled,
    damaged: Throttled,
}

/// An event without a number.
struct Waiting {
    at_unix_ms: u64,
    plugin: Option<PluginId>,
    job: Option<String>,
    kind: EventKind,
}

/// What readers wait for.
#[derive(Clone, Copy, Default)]
struct Now {
    /// The newest event; `None` until the journal has said with which number to begin.
    newest: Option<u64>,
    /// The last event that readers are shown, once there is none after it.
    last: Option<u64>,
}

/// Lets a complaint through once a minute.
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

    /// Begins to write, on the runtime of the caller.
    pub(crate) fn start(&self) {
        self.0.writer.spawn(write(self.0.clone()));
    }

    /// Notes that something happened. Never waits and never fails: when nothing can be written for long, the oldest of
    /// those that wait are lost, and counted.
    pub(crate) fn publish(&self, plugin: Option<&PluginId>, job: Option<&str>, kind: EventKind) {
        let (plugin, job) = (plugin.cloned(), job.map(str::to_owned));
        let mut waiting = self.0.waiting.lock();
        if waiting.len() >= MAX_WAITING {
            waiting.pop_front();
            self.0.metrics.dropped.inc();
        }
        // The time is read under the lock, so that it does not go back from one number to the next.
        self.0.metrics.published.inc();
        waiting.push_back(Waiting { at_unix_ms: now_unix_ms(), plugin, job, kind });
        drop(waiting);
        self.0.arrived.notify_one();
    }

    /// The sink for events of generations.
    pub(crate) fn sink(&self) -> EventSink {
        EventSink::new(self.clone())
    }

    /// Writes what waits and ends the task. To be called before the state is closed; what is published afterwards is lost.
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
    // Whoever still reads has come to the end.
    shared.now.send_modify(|now| now.last = now.last.or(Some(newest)));
}

impl Shared {
    /// The newest number of the journal; `None` when the host stops before the journal can be read.
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

    /// Waits for events; `None` when there are none and none will come.
    async fn next_batch(&self) -> Option<Vec<Waiting>> {
        loop {
            // FoundSource at first: what was published before is in the queue then.
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

    /// Shows events to those who read.
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
