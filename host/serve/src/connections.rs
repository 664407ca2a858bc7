//! The connections that are open: how many of each address, and which one makes room when there are too many.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

use crate::access::Recent;
use crate::rules::{InForce, Known, Live};

/// Bits of [`Connected::state`]; requests in work are counted above them.
const USED: usize = 1;
const EVICTED: usize = 2;
const WARNED: usize = 4;
const ONE_REQUEST: usize = 8;

/// A client that is waited for so long may have to make room; what is on its way is there sooner.
const STALLED: Duration = Duration::from_secs(1);

/// All connections that are open.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// The oldest first.
    by_age: BTreeMap<u64, Arc<Connected>>,
    by_address: HashMap<IpAddr, usize>,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) peer: SocketAddr,
    /// The same as text.
    pub(crate) peer_text: String,
    /// Whose token it sent last.
    pub(crate) recent: Recent,
    rules: Known,
    state: AtomicUsize,
    evicted: Notify,
    /// Since when its client is waited for: for more of a body, and for taking more of an answer.
    waits: [Mutex<Option<Instant>>; 2],
}

/// What a client is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WaitFor {
    Body,
    Taking,
}

/// A wait for a client that goes on.
#[derive(Debug)]
pub(crate) struct Waiting(Arc<Connected>, WaitFor);

/// Keeps a connection among those that are open.
pub(crate) struct Registered {
    connections: Arc<Connections>,
    number: u64,
    counted: Option<IpAddr>,
    pub(crate) connection: Arc<Connected>,
}

/// A request in work: its connection does not make room. Goes with the last byte of the answer.
#[derive(Debug)]
pub(crate) struct InWork(Arc<Connected>);

impl Connections {
    /// Adds a connection, unless its address has as many as it may have.
    pub(crate) fn add(self: &Arc<Self>, peer: SocketAddr, live: &Live) -> Option<Registered> {
        let in_force = live.now();
        let rules = &in_force.rules;
        let address = peer.ip().to_canonical();
        let is_trusted = rules.trusted_proxies.iter().any(|network| network.contains(address));
        let counted = (!address.is_loopback() && !is_trusted).then(|| whose(address));
        let connection = Arc::new(Connected {
            peer,
            peer_text: peer.to_string(),
            recent: Recent::default(),
            rules: Known::of(live),
            state: AtomicUsize::new(0),
            evicted: Notify::new(),
            waits: Default::default(),
        });
        let mut open = self.open();
        if let Some(address) = counted {
            let n_open = open.by_address.entry(address).or_default();
            if *n_open >= rules.max_connections_per_address {
                return None;
            }
            *n_open += 1;
        }
        let number = open.next;
        open.next += 1;
        open.by_age.insert(number, connection.clone());
        drop(open);
        Some(Registered { connections: self.clone(), number, counted, connection })
    }

    /// Ends a connection to make room for a new one: of those without a request in work the oldest that never sent a whole head, or
    /// else the oldest; when there is none, of those whose client has been waited for long the one that was longest. One whose
    /// request may be on its way is left: only what has begun none since an earlier call is ended.
    ///
    /// Gives whether there is one; a later call may find one.
    pub(crate) fn make_room_for(&self, new: &Registered, now: Instant) -> bool {
        let open = self.open();
        let others = open.by_age.iter().filter(|(number, _)| **number != new.number).map(|(_, other)| other);
        let mut unused = others.clone().filter(|other| other.state.load(Ordering::Acquire) & USED == 0);
        if unused.any(|other| other.evict()) || others.clone().any(|other| other.evict()) {
            return true;
        }
        others.clone().for_each(|other| other.warn());
        let longest = others.filter_map(|other| Some((other.waits_since()?, other))).min_by_key(|(since, _)| *since);
        let longest = longest.filter(|(since, _)| now.saturating_duration_since(*since) >= STALLED);
        longest.is_some_and(|(_, other)| {
            other.state.fetch_or(EVICTED, Ordering::AcqRel);
            other.evicted.notify_one();
            true
        })
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who has an address: of the other kind a whole network is given to one customer.
fn whose(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        open.by_age.remove(&self.number);
        if let Some(address) = self.counted
            && let Some(n_open) = open.by_address.get_mut(&address)
        {
            *n_open -= 1;
            if *n_open == 0 {
                open.by_address.remove(&address);
            }
        }
    }
}

impl Connected {
    /// The rules that its next request goes by.
    pub(crate) fn rules(&self, live: &Live) -> Arc<InForce> {
        self.rules.now(live)
    }

    /// Begins a request; `None` when the connection is about to be ended.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<InWork> {
        let begun = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            (state & EVICTED == 0).then_some(((state | USED) & !WARNED) + ONE_REQUEST)
        });
        begun.ok().map(|_| InWork(self.clone()))
    }

    /// Whether no request is in work.
    pub(crate) fn is_idle(&self) -> bool {
        self.state.load(Ordering::Acquire) < ONE_REQUEST
    }

    /// It goes when it still waits for a request the next time that room is needed.
    fn warn(&self) {
        // One that begins a request meanwhile is none of those.
        let _ = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| (state < ONE_REQUEST).then_some(state | WARNED));
    }

    /// Notes that its client is waited for from now on.
    pub(crate) fn wait(self: &Arc<Self>, what: WaitFor) -> Waiting {
        *self.wait_of(what) = Some(Instant::now());
        Waiting(self.clone(), what)
    }

    /// Since when its client is waited for, unless it has to make room already.
    fn waits_since(&self) -> Option<Instant> {
        let is_open = self.state.load(Ordering::Acquire) & EVICTED == 0;
        [WaitFor::Body, WaitFor::Taking].into_iter().filter_map(|what| *self.wait_of(what)).min().filter(|_| is_open)
    }

    fn wait_of(&self, what: WaitFor) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.waits[what as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn evict(&self) -> bool {
        let evicted = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            let is_warned = state & (WARNED | EVICTED) == WARNED;
            (is_warned && state < ONE_REQUEST).then_some(state | EVICTED)
        });
        if evicted.is_ok() {
            self.evicted.notify_one();
        }
        evicted.is_ok()
    }

    /// Waits until it has to make room.
    pub(crate) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        *self.0.wait_of(self.1) = None;
    }
}

impl Drop for InWork {
    fn drop(&mut self) {
        self.0.state.fetch_sub(ONE_REQUEST, Ordering::AcqRel);
    }
}

/// A body, and what goes with it.
#[derive(Debug)]
pub(crate) struct Held<B, T> {
    body: B,
    _held: T,
}

impl<B, T> Held<B, T> {
    pub(crate) fn new(body: B, held: T) -> Held<B, T> {
        Held { body, _held: held }
    }
}

impl<B: Body + Unpin, T: Unpin> Body for Held<B, T> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Rules;

    fn peer(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().unwrap(), 1)
    }

    #[test]
    fn an_address_has_so_many_connections_and_this_machine_and_proxies_any_number() {
        let rules = Rules {
            max_connections_per_address: 2,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..Rules::default()
        };
        let (live, connections) = (Live::new(rules), Arc::new(Connections::default()));
        let mut open = vec![];
        for (address, expected) in [
            ("203.0.113.1", true),
            ("203.0.113.1", true),
            ("203.0.113.1", false),
            ("::ffff:203.0.113.1", false),
            ("203.0.113.2", true),
            ("2001:db8::1", true),
            ("2001:db8::2", true),
            ("2001:db8::ffff:3", false),
            ("2001:db8:0:1::3", true),
        ] {
            let added = connections.add(peer(address), &live);
            assert_eq!(added.is_some(), expected, "{address}");
            open.extend(added);
        }
        for address in ["127.0.0.1", "::1", "10.1.2.3"] {
            open.extend((0..5).map(|_| connections.add(peer(address), &live).unwrap()));
        }
        open.remove(0);
        assert!(connections.add(peer("203.0.113.1"), &live).is_some());
        drop(open);
        assert!(connections.open().by_address.is_empty() && connections.open().by_age.is_empty());
    }

    #[test]
    fn who_never_sent_a_head_makes_room_first_and_who_is_served_never_does() {
        let (live, connections) = (Live::new(Rules::default()), Arc::new(Connections::default()));
        let all: Vec<_> = (0..4).map(|_| connections.add(peer("127.0.0.1"), &live).unwrap()).collect();
        let new = connections.add(peer("127.0.0.1"), &live).unwrap();
        let is_evicted = |at: usize| all[at].connection.state.load(Ordering::Acquire) & EVICTED != 0;
        let busy = all[0].connection.begin().unwrap();
        drop(all[1].connection.begin().unwrap());
        assert!(!connections.make_room_for(&new, Instant::now()), "their requests may be on their way");
        assert!(connections.make_room_for(&new, Instant::now()));
        assert_eq!([0, 1, 2, 3].map(is_evicted), [false, false, true, false]);
        assert!(all[2].connection.begin().is_none());
        drop(all[3].connection.begin().unwrap());
        assert!(connections.make_room_for(&new, Instant::now()));
        assert_eq!([0, 1, 2, 3].map(is_evicted), [false, true, true, false]);
        assert!(!connections.make_room_for(&new, Instant::now()));
        assert!(connections.make_room_for(&new, Instant::now()));
        assert_eq!([0, 1, 2, 3].map(is_evicted), [false, true, true, true]);
        assert!(!connections.make_room_for(&new, Instant::now()));
        assert!(!connections.make_room_for(&new, Instant::now()));
        assert!(!is_evicted(0) && !all[0].connection.is_idle());
        assert!(new.connection.begin().is_some(), "it made room for itself");
        drop(busy);
        assert!(all[0].connection.is_idle());
    }

    #[test]
    fn where_all_are_served_whose_client_is_waited_for_longest_makes_room() {
        let (live, connections) = (Live::new(Rules::default()), Arc::new(Connections::default()));
        let all: Vec<_> = (0..4).map(|_| connections.add(peer("127.0.0.1"), &live).unwrap()).collect();
        let _in_work: Vec<_> = all.iter().map(|one| one.connection.begin().unwrap()).collect();
        let new = connections.add(peer("127.0.0.1"), &live).unwrap();
        let wait = |at: usize, what| all[at].connection.wait(what);
        let is_evicted = |at: usize| all[at].connection.state.load(Ordering::Acquire) & EVICTED != 0;
        assert!(!connections.make_room_for(&new, Instant::now() + STALLED), "nobody is waited for");
        let (over, _body, _taking) = (wait(0, WaitFor::Body), wait(2, WaitFor::Body), wait(1, WaitFor::Taking));
        drop(over);
        assert!(!connections.make_room_for(&new, Instant::now()), "not for long");
        assert_eq!([0, 1, 2, 3].map(is_evicted), [false, false, false, false]);
        let later = Instant::now() + STALLED;
        assert!(connections.make_room_for(&new, later));
        assert_eq!([0, 1, 2, 3].map(is_evicted), [false, false, true, false]);
        assert!(connections.make_room_for(&new, later));
        assert_eq!([0, 1, 2, 3].map(is_evicted), [false, true, true, false]);
        assert!(!connections.make_room_for(&new, later), "the others keep nobody waiting");
        assert_eq!([0, 1, 2, 3].map(is_evicted), [false, true, true, false]);
    }
}
