//! Reading events: a page of the journal, or a stream from a number on.

use std::sync::Arc;

use host_core::event::{Event, EventFilter};
use host_state::EventPage;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{Now, Shared};
use crate::events::Events;

/// The maximum number of events that a reader gets at once.
const PART: usize = 64;

/// A page of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsPage {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// The number after which the next page starts.
    pub next: u64,
    /// The oldest number in the journal, of any plugin and kind.
    pub oldest: Option<u64>,
    /// The number of damaged events that were left out.
    pub damaged: u64,
}

/// A stream of events. It buffers none: a slow reader, or a reader of old events, reads from the journal. Ends after
/// the event of the host's stop.
pub struct EventStream {
    events: Events,
    now: watch::Receiver<Now>,
    filter: EventFilter,
    /// The last number that was read.
    seen: u64,
    /// The gap to report first.
    gap: Option<EventGap>,
    _turn: OwnedSemaphorePermit,
}

/// An item of an [`EventStream`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// Events, in order; never empty.
    Events(Vec<Arc<Event>>),
    /// Events that this reader has lost.
    Gap(EventGap),
}

/// A gap in a stream of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventGap {
    /// The last number that the reader has seen.
    pub after: u64,
    /// The number at which the stream continues. Larger than `after` if the events in between are no longer stored;
    /// smaller if the journal was replaced, for example by a backup.
    pub from: u64,
}

impl Events {
    /// At most `limit` events with numbers above `after`, the oldest first.
    pub(crate) async fn page_after(
        &self,
        after: u64,
        filter: &EventFilter,
        limit: u32,
    ) -> Result<EventsPage, host_state::Error> {
        let newest = self.0.known_newest().await;
        let after = after.min(newest);
        let page = self.0.state.events_after(after, filter, limit).await?;
        Ok(self.0.page(page, after, newest))
    }

    /// The newest events, at most `limit`.
    pub(crate) async fn newest_page(&self, filter: &EventFilter, limit: u32) -> Result<EventsPage, host_state::Error> {
        let newest = self.0.known_newest().await;
        let page = self.0.state.newest_events(filter, limit).await?;
        // Earlier events are not wanted, so the page is the last one.
        let page = EventPage { is_last: true, ..page };
        Ok(self.0.page(page, 0, newest))
    }

    pub(crate) async fn follow(&self, after: Option<u64>, filter: EventFilter) -> Option<EventStream> {
        let turn = self.0.streams.clone().try_acquire_owned().ok()?;
        let newest = self.0.known_newest().await;
        let after = after.unwrap_or(newest);
        // A number that was never assigned belongs to another journal, or to events that a full disk did not store.
        let gap = (after > newest).then_some(EventGap { after, from: newest + 1 });
        let seen = after.min(newest);
        self.0.metrics.streams.inc();
        Some(EventStream { events: self.clone(), now: self.0.now.subscribe(), filter, seen, gap, _turn: turn })
    }
}

impl Shared {
    /// The newest number, once the journal was read.
    async fn known_newest(&self) -> u64 {
        let mut now = self.now.subscribe();
        // The sender is owned by `self`, so the wait only ends with a number.
        now.wait_for(|now| now.newest.is_some()).await.ok().and_then(|now| now.newest).unwrap_or(0)
    }

    /// `newest` was read before the journal: no event up to it appears after a page that is the last one.
    fn page(&self, page: EventPage, after: u64, newest: u64) -> EventsPage {
        self.complain(page.damaged);
        let last = page.last.unwrap_or(after);
        let next = if page.is_last { last.max(newest) } else { last };
        EventsPage { events: page.events, next, oldest: page.oldest, damaged: page.damaged }
    }

    fn complain(&self, damaged: u64) {
        if damaged > 0 && self.damaged.is_due() {
            tracing::error!(damaged, "{damaged} damaged events of the journal were left out");
        }
    }

    /// The events after `seen` in memory, or else the number of the first event in memory.
    fn recent(&self, seen: u64, until: u64) -> Result<Vec<Arc<Event>>, u64> {
        let recent = self.recent.lock();
        match recent.front().map(|event| event.seq) {
            Some(first) if first <= seen + 1 => {
                let new = recent.iter().skip(usize::try_from(seen + 1 - first).unwrap_or(usize::MAX));
                Ok(new.take_while(|event| event.seq <= until).take(PART).cloned().collect())
            }
            first => Err(first.unwrap_or(until + 1).min(until + 1)),
        }
    }
}

// === impl EventStream ===

impl EventStream {
    /// Waits for the next item; `None` at the end: the host stops, or the journal cannot be read. Cancel safe.
    pub async fn next(&mut self) -> Option<Followed> {
        if let Some(gap) = self.gap.take() {
            return Some(Followed::Gap(gap));
        }
        loop {
            let seen = self.seen;
            let is_something = |now: &Now| now.newest > Some(seen) || now.last.is_some_and(|last| seen >= last);
            let now = *self.now.wait_for(is_something).await.ok()?;
            if now.last.is_some_and(|last| seen >= last) {
                return None;
            }
            let until = now.last.or(now.newest)?;
            let mut events = match self.events.0.recent(seen, until) {
                Ok(events) => {
                    self.seen = events.last()?.seq;
                    events
                }
                Err(first) => match self.journal(first).await? {
                    Followed::Events(events) => events,
                    gap => return Some(gap),
                },
            };
            events.retain(|event| self.filter.takes(event));
            if !events.is_empty() {
                return Some(Followed::Events(events));
            }
        }
    }

    /// The events of the journal before `first`, the first event in memory.
    async fn journal(&mut self, first: u64) -> Option<Followed> {
        let limit = PART as u32;
        let page = match self.events.0.state.events_after(self.seen, &self.filter, limit).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(
                    code = error.code(),
                    "an event stream was closed, because the journal cannot be read: {error}"
                );
                return None;
            }
        };
        self.events.0.complain(page.damaged);
        let from = page.oldest.unwrap_or(first).min(first);
        if from > self.seen + 1 {
            let gap = EventGap { after: self.seen, from };
            self.seen = from - 1;
            return Some(Followed::Gap(gap));
        }
        let last = if page.is_last { first - 1 } else { page.last.unwrap_or(self.seen) };
        self.seen = last.clamp(self.seen, first - 1);
        Some(Followed::Events(page.events.into_iter().filter(|event| event.seq < first).map(Arc::new).collect()))
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.events.0.metrics.streams.dec();
    }
}
