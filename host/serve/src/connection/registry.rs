//! The open connections: their number per address, and the choice of the connection to evict when there are too many.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::connection::rules::ReloadableRules;
use crate::connection::state::{Connection, USED};
use parking_lot::{Mutex, MutexGuard};

/// A connection whose client has been waited for this long may be evicted. Data that is in transit arrives sooner.
const STALLED: Duration = Duration::from_secs(1);

/// All open connections.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<OpenConnections>);

#[derive(Debug, Default)]
struct OpenConnections {
    next: u64,
    /// Set at shutdown.
    is_closing: bool,
    /// The oldest first.
    by_age: BTreeMap<u64, Arc<Connection>>,
    by_address: HashMap<IpAddr, usize>,
}

/// Registers an open connection until it is dropped.
pub(crate) struct Registered {
    connections: Arc<Connections>,
    number: u64,
    counted: Option<IpAddr>,
    pub(crate) connection: Arc<Connection>,
}

impl Connections {
    /// Registers a connection unless the limit of its address is reached.
    pub(crate) fn add(self: &Arc<Self>, peer: SocketAddr, live: &ReloadableRules) -> Option<Registered> {
        let rules = live.load();
        let rules = &rules.rules;
        let address = peer.ip().to_canonical();
        let is_trusted = rules.trusted_proxies.iter().any(|network| network.contains(address));
        let counted = (!address.is_loopback() && !is_trusted).then(|| whose(address));
        let connection = Arc::new(Connection::new(peer, live));
        let mut open = self.open();
        if let Some(address) = counted {
            let n_open = open.by_address.entry(address).or_default();
            if *n_open >= rules.max_connections_per_address {
                return None;
            }
            *n_open += 1;
        }
        if open.is_closing {
            connection.retire();
        }
        let number = open.next;
        open.next += 1;
        open.by_age.insert(number, connection.clone());
        drop(open);
        Some(Registered { connections: self.clone(), number, counted, connection })
    }

    /// Evicts a connection to make room for a new one: the oldest idle connection that never sent a complete head, or
    /// else the oldest idle connection. If none is idle, the connection whose client has stalled longest, at least
    /// [`STALLED`]. An idle connection is first marked and only evicted by a later call, since its next request may
    /// be in transit. Only connections with a reserved place are considered if `among_reserved`, and only the others if
    /// not.
    ///
    /// Returns whether a connection was evicted. If not, a later call may succeed.
    pub(crate) fn make_room_for(&self, new: &Registered, among_reserved: bool, now: Instant) -> bool {
        let open = self.open();
        let others = open.by_age.iter().filter(|(number, _)| **number != new.number).map(|(_, other)| other);
        let others = others.filter(|other| other.is_reserved() == among_reserved);
        let mut unused = others.clone().filter(|other| other.state.load(Ordering::Acquire) & USED == 0);
        if unused.any(|other| other.evict()) || others.clone().any(|other| other.evict()) {
            return true;
        }
        others.clone().for_each(|other| other.warn());
        let longest = others.filter_map(|other| Some((other.waits_since()?, other))).min_by_key(|(since, _)| *since);
        let longest = longest.filter(|(since, _)| now.saturating_duration_since(*since) >= STALLED);
        longest.is_some_and(|(_, other)| {
            other.force_eviction();
            true
        })
    }

    /// Asks all connections, also those registered later, to end after their active requests.
    pub(crate) fn retire_all(&self) {
        let mut open = self.open();
        open.is_closing = true;
        open.by_age.values().for_each(|connection| connection.retire());
    }

    /// Asks connections that were accepted before a point in time to end after their active requests.
    pub(crate) fn retire_older_than(&self, accepted: Instant) {
        let open = self.open();
        let old = open.by_age.values().take_while(|connection| connection.accepted <= accepted);
        old.for_each(|connection| connection.retire());
    }

    fn open(&self) -> MutexGuard<'_, OpenConnections> {
        self.0.lock()
    }
}

/// The key connections are counted under: the IPv4 address, or the /64 of an IPv6 address, since one customer usually
/// gets a whole /64.
fn whose(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.connection.upgrade.clear();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::rules::Rules;
    use crate::connection::state::{EVICTED, WaitKind};

    fn peer(text: &str) -> SocketAddr {
        SocketAddr::new(text.parse().unwrap(), 1)
    }

    #[test]
    fn connections_are_limited_per_address_except_for_loopback_and_proxies() {
        let rules = Rules {
            max_connections_per_address: 2,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..Rules::default()
        };
        let live = ReloadableRules::new(rules);
        let connections = Arc::new(Connections::default());
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
    fn connections_without_a_request_are_evicted_first_and_busy_ones_never() {
        let live = ReloadableRules::new(Rules::default());
        let connections = Arc::new(Connections::default());
        let all: Vec<_> = (0..4).map(|_| connections.add(peer("127.0.0.1"), &live).unwrap()).collect();
        let new = connections.add(peer("127.0.0.1"), &live).unwrap();
        let is_evicted = |at: usize| all[at].connection.state.load(Ordering::Acquire) & EVICTED != 0;
        let busy = all[0].connection.begin().unwrap();
        drop(all[1].connection.begin().unwrap());
        assert!(!connections.make_room_for(&new, false, Instant::now()), "their requests may be on their way");
        assert!(connections.make_room_for(&new, false, Instant::now()));
        assert_eq!([0, 1, 2, 3].map(is_evicted), [false, false, true, false]);
        assert!(all[2].connection.begin().is_none());
        drop(all[3].connection.begin().unwrap());
        assert!(connections.make_room_for(&new, false, Instant::now()));
        assert_eq!([0, 1, 2, 3].map(is_evicted), [false, true, true, false]);
        assert!(!connections.make_room_for(&new, false, Instant::now()));
        assert!(connections.make_room_for(&new, false, Instant::now()));
        assert_eq!([0, 1, 2, 3].map(is_evicted), [false, true, true, true]);
        assert!(!connections.make_room_for(&new, false, Instant::now()));
        assert!(!connections.make_room_for(&new, false, Instant::now()));
        assert!(!is_evicted(0) && !all[0].connection.is_idle());
        assert!(new.connection.begin().is_some(), "it made room for itself");
        drop(busy);
        assert!(all[0].connection.is_idle());
    }

    #[test]
    fn when_all_connections_are_busy_the_longest_stalled_one_is_evicted() {
        let live = ReloadableRules::new(Rules::default());
        let connections = Arc::new(Connections::default());
        let all: Vec<_> = (0..4).map(|_| connections.add(peer("127.0.0.1"), &live).unwrap()).collect();
        let _in_work: Vec<_> = all.iter().map(|one| one.connection.begin().unwrap()).collect();
        let new = connections.add(peer("127.0.0.1"), &live).unwrap();
        let wait = |at: usize, what| all[at].connection.wait(what);
        let is_evicted = |at: usize| all[at].connection.state.load(Ordering::Acquire) & EVICTED != 0;
        assert!(!connections.make_room_for(&new, false, Instant::now() + STALLED), "nobody is waited for");
        let over = wait(0, WaitKind::Body);
        let _body = wait(2, WaitKind::Body);
        let _taking = wait(1, WaitKind::Reading);
        drop(over);
        assert!(!connections.make_room_for(&new, false, Instant::now()), "not for long");
        assert_eq!([0, 1, 2, 3].map(is_evicted), [false, false, false, false]);
        let later = Instant::now() + STALLED;
        assert!(connections.make_room_for(&new, false, later));
        assert_eq!([0, 1, 2, 3].map(is_evicted), [false, false, true, false]);
        assert!(connections.make_room_for(&new, false, later));
        assert_eq!([0, 1, 2, 3].map(is_evicted), [false, true, true, false]);
        assert!(!connections.make_room_for(&new, false, later), "the others keep nobody waiting");
        assert_eq!([0, 1, 2, 3].map(is_evicted), [false, true, true, false]);
    }

    #[test]
    fn reserved_places_make_room_for_each_other_only() {
        let live = ReloadableRules::new(Rules::default());
        let connections = Arc::new(Connections::default());
        let all: Vec<_> = (0..3).map(|_| connections.add(peer("127.0.0.1"), &live).unwrap()).collect();
        let [regular, reserved, new] = &all[..] else { unreachable!() };
        reserved.connection.reserve();
        let _busy = regular.connection.begin().unwrap();
        for _ in 0..3 {
            assert!(!connections.make_room_for(new, false, Instant::now()));
        }
        assert!(!connections.make_room_for(new, true, Instant::now()), "its request may be on its way");
        assert!(connections.make_room_for(new, true, Instant::now()));
        assert!(reserved.connection.begin().is_none());
    }

    #[test]
    fn an_http2_connection_is_stalled_once_all_its_streams_are() {
        let live = ReloadableRules::new(Rules::default());
        let connections = Arc::new(Connections::default());
        let all: Vec<_> = (0..2).map(|_| connections.add(peer("127.0.0.1"), &live).unwrap()).collect();
        let [one, new] = &all[..] else { unreachable!() };
        let later = Instant::now() + 2 * STALLED;
        let streams: Vec<_> = (0..2).map(|_| one.connection.begin().unwrap()).collect();
        let stalled = one.connection.wait(WaitKind::StreamReading);
        assert!(!connections.make_room_for(new, false, later), "another stream is active");
        let body = one.connection.wait(WaitKind::Body);
        drop(stalled);
        assert!(!connections.make_room_for(new, false, later), "the first stream is read again");
        let _stalled = one.connection.wait(WaitKind::StreamReading);
        assert!(!connections.make_room_for(new, false, Instant::now()), "not for long");
        assert!(connections.make_room_for(new, false, later));
        drop((streams, body));
    }

    #[test]
    fn connections_are_retired_by_age_and_all_at_shutdown() {
        let live = ReloadableRules::new(Rules::default());
        let connections = Arc::new(Connections::default());
        let old = connections.add(peer("127.0.0.1"), &live).unwrap();
        connections.retire_older_than(Instant::now() - Duration::from_secs(1));
        assert!(!old.connection.is_retired());
        connections.retire_older_than(old.connection.accepted);
        assert!(old.connection.is_retired());
        connections.retire_all();
        assert!(connections.add(peer("127.0.0.1"), &live).unwrap().connection.is_retired());
    }
}
