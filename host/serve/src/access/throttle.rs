//! How often somebody may be wrong: from one address, and over all.
//!
//! An address that may not go on any more costs the others nothing, so that one stranger can't keep them out; and whoever
//! has a valid token is never asked to wait.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// In which time what is allowed is allowed again.
const WINDOW: Duration = Duration::from_secs(60);
/// More addresses than this are swept: those that have nothing to wait for go.
const MAX_ADDRESSES: usize = 4_096;

/// Where a client is: its address, or its network where one client has a whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientKey(IpAddr);

/// Counts failures.
pub(crate) struct LoginThrottle {
    per_address: f64,
    over_all: f64,
    books: Mutex<Books>,
}

struct Books {
    all: Bucket,
    places: HashMap<ClientKey, Bucket>,
}

/// What is left, at a moment.
#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl ClientKey {
    pub(crate) fn from_address(address: IpAddr) -> ClientKey {
        ClientKey(match address.to_canonical() {
            // Whoever has an IPv6 address has 2^64 of them.
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
            ip => ip,
        })
    }
}

impl LoginThrottle {
    /// So many failures a minute.
    pub(crate) fn new(per_address: u32, over_all: u32) -> LoginThrottle {
        let (per_address, over_all) = (f64::from(per_address), f64::from(over_all));
        let all = Bucket { left: over_all, at: Instant::now() };
        LoginThrottle { per_address, over_all, books: Mutex::new(Books { all, places: HashMap::new() }) }
    }

    /// Counts a failure, or an attempt before it is known how it ends.
    ///
    /// # Errors
    /// In how many seconds to try again.
    pub(crate) fn take(&self, place: ClientKey, now: Instant) -> Result<(), u32> {
        let mut books = self.books();
        if books.places.len() >= MAX_ADDRESSES {
            books.places.retain(|_, bucket| bucket.filled(self.per_address, now) < self.per_address);
        }
        let whole = Bucket { left: self.per_address, at: now };
        let mut of_place = books.places.get(&place).copied().unwrap_or(whole);
        of_place.take(self.per_address, now)?;
        // What is over all is only used up by those who may still go on.
        books.all.take(self.over_all, now)?;
        books.places.insert(place, of_place);
        Ok(())
    }

    /// The attempt was none that failed.
    pub(crate) fn give_back(&self, place: ClientKey) {
        let mut books = self.books();
        books.all.left = (books.all.left + 1.0).min(self.over_all);
        if let Some(bucket) = books.places.get_mut(&place) {
            bucket.left = (bucket.left + 1.0).min(self.per_address);
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bucket {
    fn filled(&self, size: f64, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        (self.left + passed * size / WINDOW.as_secs_f64()).min(size)
    }

    fn take(&mut self, size: f64, now: Instant) -> Result<(), u32> {
        let left = self.filled(size, now);
        if left < 1.0 {
            let seconds = (1.0 - left) * WINDOW.as_secs_f64() / size;
            return Err(seconds.ceil().max(1.0) as u32);
        }
        *self = Bucket { left: left - 1.0, at: now };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(address: &str) -> ClientKey {
        ClientKey::from_address(address.parse().unwrap())
    }

    #[test]
    fn an_address_waits_when_it_was_wrong_too_often_and_the_others_do_not() {
        let (throttle, now) = (LoginThrottle::new(10, 100), Instant::now());
        let (a, b) = (place("192.0.2.1"), place("192.0.2.2"));
        for _ in 0..10 {
            throttle.take(a, now).unwrap();
        }
        assert_eq!(throttle.take(a, now), Err(6));
        for _ in 0..1_000 {
            assert!(throttle.take(a, now).is_err());
        }
        throttle.take(b, now).unwrap();
        assert_eq!(throttle.take(a, now + Duration::from_secs(5)), Err(1));
        throttle.take(a, now + Duration::from_secs(6)).unwrap();
        assert_eq!(throttle.take(a, now + Duration::from_secs(6)), Err(6));
        for _ in 0..10 {
            throttle.take(a, now + Duration::from_secs(300)).unwrap();
        }
    }

    #[test]
    fn many_addresses_wait_together() {
        let (throttle, now) = (LoginThrottle::new(10, 25), Instant::now());
        let taken = (0..1_000u32).filter(|n| throttle.take(ClientKey(IpAddr::V4((*n).into())), now).is_ok()).count();
        assert_eq!(taken, 25);
        assert_eq!(throttle.take(place("192.0.2.1"), now), Err(3));
        assert!(throttle.books().places.len() <= 25, "who was refused is not remembered");
    }

    #[test]
    fn an_attempt_that_was_right_counts_for_nothing() {
        let (throttle, now) = (LoginThrottle::new(2, 100), Instant::now());
        let a = place("192.0.2.1");
        for _ in 0..50 {
            throttle.take(a, now).unwrap();
            throttle.give_back(a);
        }
    }

    #[test]
    fn addresses_are_forgotten_when_there_is_nothing_to_wait_for() {
        let (throttle, now) = (LoginThrottle::new(10, u32::MAX), Instant::now());
        for n in 0..10_000u32 {
            throttle.take(ClientKey(IpAddr::V4(n.into())), now + WINDOW * n).unwrap();
        }
        assert!(throttle.books().places.len() <= MAX_ADDRESSES);
    }

    #[test]
    fn a_client_is_its_network_where_it_has_a_whole_one() {
        assert_eq!(place("2001:db8:1:2::1"), place("2001:db8:1:2:ffff::9"));
        assert_ne!(place("2001:db8:1:2::1"), place("2001:db8:1:3::1"));
        assert_eq!(place("::ffff:192.0.2.1"), place("192.0.2.1"));
    }
}
