//! The bytes that a socket sends, between its handler and the host.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};

/// The number of bytes at which a socket waits for the host before it sends more.
const MAX_WAITING_BYTES: usize = 64 * 1024;

/// The sending direction of a socket.
#[derive(Default)]
pub(super) struct Pipe(Mutex<State>);

#[derive(Default)]
struct State {
    bytes: BytesMut,
    /// The socket was dropped.
    is_closed: bool,
    /// The host accepts no more bytes.
    is_cut: bool,
    host: Option<Waker>,
    socket: Option<Waker>,
}

impl Pipe {
    /// Waits until the socket may send; false if the host accepts no more bytes.
    pub(super) fn poll_room(&self, context: &mut Context<'_>) -> Poll<bool> {
        let mut state = self.state();
        if state.is_cut {
            return Poll::Ready(false);
        }
        if state.bytes.len() < MAX_WAITING_BYTES {
            return Poll::Ready(true);
        }
        state.socket = Some(context.waker().clone());
        Poll::Pending
    }

    /// Sends bytes. After the end of the host's side they are dropped.
    pub(super) fn write(&self, bytes: &[u8]) {
        let mut state = self.state();
        if !state.is_cut {
            state.bytes.extend_from_slice(bytes);
            wake(state, |state| &mut state.host);
        }
    }

    /// Ends the direction after the bytes that were sent.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        wake(state, |state| &mut state.host);
    }

    /// Ends the direction at once, because the host accepts no more bytes.
    pub(super) fn abort(&self) {
        let mut state = self.state();
        state.is_cut = true;
        state.bytes = BytesMut::new();
        wake(state, |state| &mut state.socket);
    }

    /// Takes the bytes that were sent; `None` at the end.
    pub(super) fn poll_take(&self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut state = self.state();
        if !state.bytes.is_empty() {
            let bytes = state.bytes.split().freeze();
            wake(state, |state| &mut state.socket);
            return Poll::Ready(Some(bytes));
        }
        if state.is_closed {
            return Poll::Ready(None);
        }
        state.host = Some(context.waker().clone());
        Poll::Pending
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes a side after the lock was released, because a waker may run code that takes it.
fn wake(mut state: MutexGuard<'_, State>, side: fn(&mut State) -> &mut Option<Waker>) {
    let waker = side(&mut state).take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}
