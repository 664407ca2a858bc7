//! The state of one connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::access::RecentToken;
use crate::connection::recent_host::RecentHost;
use crate::connection::rules::{CachedRules, CompiledRules, ReloadableRules};
use crate::connection::upgrade::UpgradeSlot;

/// Bits of [`Connection::state`]. The number of active requests is counted above them.
pub(super) const USED: usize = 1;
pub(super) const EVICTED: usize = 2;
const WARNED: usize = 4;
const RETIRED: usize = 8;
const RESERVED: usize = 16;
const ONE_REQUEST: usize = 32;

/// The state of a connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    pub(super) accepted: Instant,
    /// `peer` as text.
    pub(crate) peer_text: String,
    /// The last valid token the connection sent.
    pub(crate) recent: RecentToken,
    /// The last allowed `Host` header the connection sent.
    pub(crate) recent_host: RecentHost,
    rules: CachedRules,
    pub(super) state: AtomicUsize,
    evicted: Notify,
    retired: Notify,
    pub(crate) upgrade: UpgradeSlot,
    /// The current waits for the client, by [`WaitKind`].
    waits: [Mutex<Waits>; 3],
}

/// The current waits of one kind.
#[derive(Debug, Default)]
struct Waits {
    n_waits: usize,
    /// Start of the latest wait.
    since: Option<Instant>,
}

/// The kinds of waits for a client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WaitKind {
    /// The client must send more of a request body.
    Body,
    /// The client must read more from the connection.
    Reading,
    /// The client must read more of one HTTP/2 stream.
    StreamReading,
}

/// A wait for the client, until it is dropped.
#[derive(Debug)]
pub(crate) struct ClientWait(Arc<Connection>, WaitKind);

/// An active request, which protects its connection from eviction until the last byte of the response.
#[derive(Debug)]
pub(crate) struct ActiveRequest {
    connection: Arc<Connection>,
    /// True for the first request of the connection.
    pub(crate) is_first: bool,
}

impl Connection {
    pub(super) fn new(peer: SocketAddr, live: &ReloadableRules) -> Connection {
        Connection {
            peer,
            accepted: Instant::now(),
            peer_text: peer.to_string(),
            recent: RecentToken::default(),
            recent_host: RecentHost::default(),
            rules: CachedRules::new(live),
            state: AtomicUsize::new(0),
            evicted: Notify::new(),
            retired: Notify::new(),
            upgrade: UpgradeSlot::default(),
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
        begun.ok().map(|before| ActiveRequest { connection: self.clone(), is_first: before & USED == 0 })
    }

    /// Returns whether no request is active.
    pub(crate) fn is_idle(&self) -> bool {
        self.state.load(Ordering::Acquire) < ONE_REQUEST
    }

    /// Returns whether a request was started at any time.
    pub(crate) fn is_used(&self) -> bool {
        self.state.load(Ordering::Acquire) & USED != 0
    }

    /// Asks the connection to end after its active requests.
    pub(crate) fn retire(&self) {
        if self.state.fetch_or(RETIRED, Ordering::AcqRel) & RETIRED == 0 {
            self.retired.notify_one();
        }
    }

    /// Returns whether the connection ends after its active requests.
    pub(crate) fn is_retired(&self) -> bool {
        self.state.load(Ordering::Acquire) & RETIRED != 0
    }

    /// Marks a reserved connection, which serves health, metrics and management only.
    pub(crate) fn reserve(&self) {
        self.state.fetch_or(RESERVED, Ordering::AcqRel);
    }

    /// Returns whether the connection is reserved.
    pub(crate) fn is_reserved(&self) -> bool {
        self.state.load(Ordering::Acquire) & RESERVED != 0
    }

    /// Waits until the connection is retired. Must be awaited by one task only.
    pub(crate) async fn retired(&self) {
        self.retired.notified().await;
    }

    /// Marks an idle connection: it is evicted if it is still idle when room is needed again.
    pub(super) fn warn(&self) {
        // A connection that starts a request in between is not marked.
        let _ = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| (state < ONE_REQUEST).then_some(state | WARNED));
    }

    /// Records that the host starts to wait for the client. The wait ends when the returned value is dropped.
    pub(crate) fn wait(self: &Arc<Self>, what: WaitKind) -> ClientWait {
        let mut waits = self.wait_of(what);
        waits.n_waits += 1;
        waits.since = Some(Instant::now());
        drop(waits);
        ClientWait(self.clone(), what)
    }

    /// Returns the instant since which the host only waits for the client; `None` if it does not wait, or during an
    /// eviction. An HTTP/2 connection waits if nothing can be written to it, or if all its active requests wait.
    pub(super) fn waits_since(&self) -> Option<Instant> {
        let state = self.state.load(Ordering::Acquire);
        if state & EVICTED != 0 {
            return None;
        }
        let since_reading = self.wait_of(WaitKind::Reading).since;
        let (n_body, since_body) = self.wait_of(WaitKind::Body).current();
        let (n_stream, since_stream) = self.wait_of(WaitKind::StreamReading).current();
        let is_every_request = n_body + n_stream >= state / ONE_REQUEST;
        let since_all = since_body.max(since_stream).filter(|_| is_every_request);
        [since_reading, since_all].into_iter().flatten().min()
    }

    fn wait_of(&self, what: WaitKind) -> MutexGuard<'_, Waits> {
        self.waits[what as usize].lock()
    }

    /// Evicts the connection although a request is active.
    pub(super) fn force_eviction(&self) {
        self.state.fetch_or(EVICTED, Ordering::AcqRel);
        self.evicted.notify_one();
    }

    /// Evicts a warned connection that is still idle. Returns whether it did.
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

impl Waits {
    fn current(&self) -> (usize, Option<Instant>) {
        (self.n_waits, self.since)
    }
}

impl Drop for ClientWait {
    fn drop(&mut self) {
        let mut waits = self.0.wait_of(self.1);
        waits.n_waits -= 1;
        if waits.n_waits == 0 {
            waits.since = None;
        }
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        self.connection.state.fetch_sub(ONE_REQUEST, Ordering::AcqRel);
    }
}
