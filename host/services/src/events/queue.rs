//! The queue of events of one subscriber.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

/// The maximum number of events in a queue.
const MAX_EVENTS: usize = 256;
/// The maximum number of bytes in a queue.
const MAX_BYTES: usize = 4 << 20;

/// The queued events of one subscriber. When the queue is full, the oldest events are dropped and counted, because new
/// events matter more to a subscriber that catches up.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: VecDeque<Bytes>,
    bytes: usize,
    lost: u64,
    has_ended: bool,
    waker: Option<Waker>,
}

impl Queue {
    pub(crate) fn push(&self, event: Bytes) {
        let mut state = self.lock();
        if state.has_ended {
            return;
        }
        state.bytes += event.len();
        state.events.push_back(event);
        while state.events.len() > MAX_EVENTS || state.bytes > MAX_BYTES {
            let Some(oldest) = state.events.pop_front() else { break };
            state.bytes -= oldest.len();
            state.lost += 1;
        }
        wake(state);
    }

    /// Ends the stream after the queued events.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        wake(state);
    }

    /// Drops the queued events: the stream is no longer read.
    pub(crate) fn forget(&self) {
        let mut state = self.lock();
        let before = std::mem::replace(&mut *state, State { has_ended: true, ..State::default() });
        drop(state);
        drop(before);
    }

    /// The next event; `None` after the end. A loss of events is an event of its own.
    pub(crate) fn poll(&self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.lock();
        if state.lost > 0 {
            // The lost events are older than all queued ones, so the loss is reported first.
            let lost = std::mem::take(&mut state.lost);
            return Poll::Ready(Some(format!("{{\"lost\":{lost}}}").into()));
        }
        if let Some(event) = state.events.pop_front() {
            state.bytes -= event.len();
            return Poll::Ready(Some(event));
        }
        if state.has_ended {
            return Poll::Ready(None);
        }
        state.waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// Wakes the subscriber after the lock was released.
fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}
