//! What of the front may change while it serves: who is listened to, and how long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use crate::connection::cors::Cors;
use crate::connection::hosts::AllowedHosts;
use crate::connection::network::Network;

/// Rules of the front that may change while it serves. A connection goes by the new ones from its next request on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Origins whose pages may use the API; `*` for all.
    pub cors_origins: Vec<String>,
    /// Names that a request's `Host` may hold beside `localhost` and addresses; `*.example.org` for all below, `*` for any.
    pub allowed_hosts: Vec<String>,
    /// Who may say for whom a request is sent.
    pub trusted_proxies: Vec<Network>,
    /// Connections of one address at the same time. This machine and trusted proxies are not counted.
    pub max_connections_per_address: usize,
    /// How long nothing of a body may come.
    pub body_idle_timeout: Duration,
    /// The least that a body brings on average while it is waited for; 0 for any.
    pub min_body_bytes_per_second: u64,
    /// How long a client may take nothing of an answer.
    pub write_timeout: Duration,
    /// Streams of events and logs at the same time.
    pub max_streams: usize,
    /// Of those, how many may have the same caller.
    pub max_streams_per_caller: usize,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            cors_origins: vec![],
            allowed_hosts: vec![],
            trusted_proxies: vec![],
            max_connections_per_address: 64,
            body_idle_timeout: Duration::from_secs(10),
            min_body_bytes_per_second: 100,
            write_timeout: Duration::from_secs(30),
            max_streams: 256,
            max_streams_per_caller: 16,
        }
    }
}

/// Rules, made ready to be asked for every request.
#[derive(Debug)]
pub(crate) struct CompiledRules {
    pub(crate) rules: Rules,
    pub(crate) cors: Cors,
    pub(crate) hosts: AllowedHosts,
}

impl CompiledRules {
    pub(crate) fn new(rules: Rules) -> CompiledRules {
        CompiledRules { cors: Cors::new(&rules.cors_origins), hosts: AllowedHosts::new(&rules.allowed_hosts), rules }
    }
}

/// The rules as they are now.
#[derive(Debug)]
pub(crate) struct ReloadableRules {
    version: AtomicU64,
    now: RwLock<Arc<CompiledRules>>,
}

impl ReloadableRules {
    pub(crate) fn new(rules: Rules) -> ReloadableRules {
        ReloadableRules { version: AtomicU64::new(0), now: RwLock::new(Arc::new(CompiledRules::new(rules))) }
    }

    pub(crate) fn now(&self) -> Arc<CompiledRules> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, rules: Rules) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(CompiledRules::new(rules));
        // Whoever sees the new number finds the new rules.
        self.version.fetch_add(1, Ordering::Release);
    }
}

/// The rules as a connection knows them: it shares no lock with others until they change.
#[derive(Debug)]
pub(crate) struct CachedRules(Mutex<(u64, Arc<CompiledRules>)>);

impl CachedRules {
    pub(crate) fn new(live: &ReloadableRules) -> CachedRules {
        let version = live.version.load(Ordering::Acquire);
        CachedRules(Mutex::new((version, live.now())))
    }

    pub(crate) fn now(&self, live: &ReloadableRules) -> Arc<CompiledRules> {
        let version = live.version.load(Ordering::Acquire);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.0 != version {
            *known = (version, live.now());
        }
        known.1.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_learns_of_new_rules() {
        let live = ReloadableRules::new(Rules::default());
        let known = CachedRules::new(&live);
        assert_eq!(known.now(&live).rules.max_streams, 256);
        live.set(Rules { max_streams: 7, ..Rules::default() });
        assert_eq!(known.now(&live).rules.max_streams, 7);
        assert_eq!(live.now().rules.max_streams, 7);
    }
}
