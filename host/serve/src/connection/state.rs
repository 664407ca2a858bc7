//! The state of one connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::access::RecentToken;
use crate::connection::rules::{CachedRules, CompiledRules, ReloadableRules};

/// Bits of [`Connection::state`]. The number of active requests is counted above them.
pub(super) const USED: usize = 1;
pub(super) const EVICTED: usize = 2;
const WARNED: usize = 4;
const ONE_REQUEST: usize = 8;

/// The state of a connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    /// `peer` as text.
    pub(crate) peer_text: String,
    /// The last valid token the connection sent.
    pub(crate) recent: RecentToken,
    rules: CachedRules,
    pub(super) state: AtomicUsize,
    evicted: Notify,
    /// Start of the current wait for the client: for more of a body, and for reading more of a response.
    waits: [Mutex<Option<Instant>>; 2],
}

/// The kinds of waits for a client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WaitKind {
    Body,
    Taking,
}

/// A wait for the client, until it is dropped.
#[derive(Debug)]
pub(crate) struct ClientWait(Arc<Connection>, WaitKind);

/// An active request, which protects its connection from eviction until the last byte of the response.
#[derive(Debug)]
pub(crate) struct ActiveRequest(Arc<Connection>);

impl Connection {
    pub(super) fn new(peer: SocketAddr, live: &ReloadableRules) -> Connection {
        Connection {
            peer,
            peer_text: peer.to_string(),
            recent: RecentToken::default(),
            rules: CachedRules::new(live),
            state: AtomicUsize::new(0),
            evicted: Notify::new(),
            waits: Default::default(),
        }
    }

    /// Returns the rules for the next request.
    pub(crate) fn rules(&self) -> Arc<CompiledRules> {
        self.rules.load()
    }

    /// Starts a request; `None` if the connection is being evicted.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<ActiveRequest> {
        let begun = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            (state & EVICTED == 0).then_some(((state | USED) & !WARNED) + ONE_REQUEST)
        });
        begun.ok().map(|_| ActiveRequest(self.clone()))
    }

    /// Returns true if no request is active.
    pub(crate) fn is_idle(&self) -> bool {
        self.state.load(Ordering::Acquire) < ONE_REQUEST
    }

    /// Marks an idle connection: it is evicted if it is still idle when room is needed again.
    pub(super) fn warn(&self) {
        // A connection that starts a request in between is not marked.
        let _ = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| (state < ONE_REQUEST).then_some(state | WARNED));
    }

    /// Records that the client is waited for from now on.
    pub(crate) fn wait(self: &Arc<Self>, what: WaitKind) -> ClientWait {
        *self.wait_of(what) = Some(Instant::now());
        ClientWait(self.clone(), what)
    }

    /// Returns the start of the longest current wait for the client, unless the connection is already being evicted.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        let is_open = self.state.load(Ordering::Acquire) & EVICTED == 0;
        [WaitKind::Body, WaitKind::Taking].into_iter().filter_map(|what| *self.wait_of(what)).min().filter(|_| is_open)
    }

    fn wait_of(&self, what: WaitKind) -> MutexGuard<'_, Option<Instant>> {
        self.waits[what as usize].lock()
    }

    /// Evicts the connection although a request is active.
    pub(super) fn force_eviction(&self) {
        self.state.fetch_or(EVICTED, Ordering::AcqRel);
        self.evicted.notify_one();
    }

    pub(super) fn evict(&self) -> bool {
        let evicted = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            let is_warned = state & (WARNED | EVICTED) == WARNED;
            (is_warned && state < ONE_REQUEST).then_some(state | EVICTED)
        });
        if evicted.is_ok() {
            self.evicted.notify_one();
        }
        evicted.is_ok()
    }

    /// Waits until the connection is evicted.
    pub(crate) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

impl Drop for ClientWait {
    fn drop(&mut self) {
        *self.0.wait_of(self.1) = None;
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.0.state.fetch_sub(ONE_REQUEST, Ordering::AcqRel);
    }
}
