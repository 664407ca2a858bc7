//! Reading events: a part of the journal, or all that come from a number on.

use std::sync::Arc;

use host_core::event::{Event, EventFilter};
use host_state::EventPage;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{Now, Shared};
use crate::events::Events;

/// The most that a reader is given at once.
const PART: usize = 64;

/// A part of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsPage {
    /// The events, oldest first.
    pub events: Vec<Event>,
    /// The number to go on after.
    pub next: u64,
    /// The oldest number that is kept, of any plugin and kind.
    pub oldest: Option<u64>,
    /// How many were left out, because what lies on disk is not what was written.
    pub damaged: u64,
}

/// Follows the events from a number on. It holds none: a reader that is slow, or asks for old ones, is given what the
/// journal still has. Ends after the event that says that the host stops.
pub struct EventStream {
    events: Events,
    now: watch::Receiver<Now>,
    filter: EventFilter,
    /// The last number that was looked at.
    seen: u64,
    /// To be told first.
    gap: Option<EventGap>,
    _turn: OwnedSemaphorePermit,
}

/// What an [`EventStream`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// Events, in order; never none.
    Events(Vec<Arc<Event>>),
    /// Some are lost to this reader.
    Gap(EventGap),
}

/// Where a reader can't go on as it asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventGap {
    /// The last number that the reader says it has.
    pub after: u64,
    /// The number that it goes on with: larger when those between are not kept any more, smaller when the journal is
    /// another one.
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
        // A number that was never given is of another journal, or of events that a full disk did not take.
        let gap = (after > newest).then_some(EventGap { after, from: newest + 1 });
        let seen = after.min(newest);
        self.0.metrics.streams.inc();
        Some(EventStream { events: self.clone(), now: self.0.now.subscribe(), filter, seen, gap, _turn: turn })
    }
}

impl Shared {
    /// The newest number, once the journal was asked for it.
    async fn known_newest(&self) -> u64 {
        let mut now = self.now.subscribe();
        // The sender lives in `self`, so this only ends with a number.
        now.wait_for(|now| now.newest.is_some()).await.ok().and_then(|now| now.newest).unwrap_or(0)
    }

    /// `newest` was read before the journal: what is not in a part that is the last one does not come later.
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

    /// The events after `seen` that are in memory, or else the number of the first one that is.
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
    /// Waits for what comes next; `None` at the end: the host stops, or the journal could not be read. Cancel safe.
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

    /// What the journal has of the events before `first`, which comes from memory again.
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
