//! Limits failed logins and invalid tokens, per client address and for all addresses together.
//!
//! A blocked address does not use up the shared limit, so that one attacker cannot lock out everyone. Requests with a
//! valid token are never limited.

use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use host_core::RateLimiter;
use host_core::manifest::RateLimit;
use parking_lot::Mutex;

/// Time in which a limit is completely restored.
const WINDOW: Duration = Duration::from_secs(60);

/// The key under which a client is counted: its IPv4 address, or the /64 of its IPv6 address, since one customer
/// usually gets a whole /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientKey(IpAddr);

/// Counts failures.
pub(crate) struct LoginThrottle {
    buckets: Mutex<ThrottleBuckets>,
    hasher: RandomState,
    /// The origin of the time that the buckets use.
    started: Instant,
}

struct ThrottleBuckets {
    per_address: RateLimiter,
    /// One bucket, for the client 0.
    total: RateLimiter,
}

impl ClientKey {
    pub(crate) fn from_address(address: IpAddr) -> ClientKey {
        ClientKey(match address.to_canonical() {
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
            ip => ip,
        })
    }
}

impl LoginThrottle {
    /// Allows this many failures a minute.
    pub(crate) fn new(per_address: u32, total: u32) -> LoginThrottle {
        let buckets = |n| RateLimiter::new(RateLimit { rpm: n, burst: n, window: WINDOW });
        let buckets = ThrottleBuckets { per_address: buckets(per_address), total: buckets(total) };
        LoginThrottle { buckets: Mutex::new(buckets), hasher: RandomState::new(), started: Instant::now() }
    }

    /// Counts a failure, or an attempt whose result is not known yet.
    ///
    /// # Errors
    /// The number of seconds after which to try again.
    pub(crate) fn take(&self, client: ClientKey, now: Instant) -> Result<(), u32> {
        let key = self.hasher.hash_one(client);
        let now = self.nanos(now);
        let mut buckets = self.buckets.lock();
        buckets.per_address.take(key, now).map_err(seconds)?;
        // Charge the shared bucket only after the address's bucket allowed the attempt, so that a blocked address
        // cannot drain it for everyone.
        buckets.total.take(0, now).map_err(|wait| {
            buckets.per_address.give_back(key);
            seconds(wait)
        })
    }

    /// Takes back a counted attempt that did not fail.
    pub(crate) fn give_back(&self, client: ClientKey) {
        let mut buckets = self.buckets.lock();
        buckets.per_address.give_back(self.hasher.hash_one(client));
        buckets.total.give_back(0);
    }

    fn nanos(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.started).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Whole seconds, rounded up.
fn seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_nanos().div_ceil(1_000_000_000)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> ClientKey {
        ClientKey::from_address(address.parse().unwrap())
    }

    #[test]
    fn an_address_with_too_many_failures_waits_and_others_do_not() {
        let throttle = LoginThrottle::new(10, 100);
        let now = Instant::now();
        let a = client("192.0.2.1");
        let b = client("192.0.2.2");
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
    fn all_addresses_share_a_total_limit() {
        let throttle = LoginThrottle::new(10, 25);
        let now = Instant::now();
        let taken = (0..1_000u32).filter(|n| throttle.take(ClientKey(IpAddr::V4((*n).into())), now).is_ok()).count();
        assert_eq!(taken, 25);
        assert_eq!(throttle.take(client("192.0.2.1"), now), Err(3));
    }

    #[test]
    fn a_successful_attempt_is_not_counted() {
        let throttle = LoginThrottle::new(2, 100);
        let now = Instant::now();
        let a = client("192.0.2.1");
        for _ in 0..50 {
            throttle.take(a, now).unwrap();
            throttle.give_back(a);
        }
    }

    #[test]
    fn addresses_with_full_buckets_are_forgotten() {
        let throttle = LoginThrottle::new(10, u32::MAX);
        let now = Instant::now();
        for n in 0..10_000u32 {
            throttle.take(ClientKey(IpAddr::V4(n.into())), now + WINDOW * n).unwrap();
        }
        assert!(throttle.buckets.lock().per_address.n_clients() < 10);
    }

    #[test]
    fn an_ipv6_client_is_counted_by_its_64_bit_network() {
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::9"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
    }
}
