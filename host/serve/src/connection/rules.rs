//! Rules of the server that can be changed while it runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Cache};
use parking_lot::Mutex;

use crate::connection::cors::Cors;
use crate::connection::hosts::AllowedHosts;
use crate::connection::network::Network;

/// Rules that can be changed while the server runs. A connection uses new rules from its next request on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Origins that may use the API from a browser; `*` for all.
    pub cors_origins: Vec<String>,
    /// Accepted names in the `Host` header besides `localhost` and IP addresses; `*.example.org` for all subdomains,
    /// `*` for any name.
    pub allowed_hosts: Vec<String>,
    /// Proxies that may report the address of their client.
    pub trusted_proxies: Vec<Network>,
    /// Maximum number of connections from one address. Loopback and trusted proxies are not counted.
    pub max_connections_per_address: usize,
    /// Longest pause while receiving a request body.
    pub body_idle_timeout: Duration,
    /// Minimum average rate of a request body, measured while the host waits for it; 0 for none.
    pub min_body_bytes_per_second: u64,
    /// How long a client may stop reading before its connection is closed.
    pub write_timeout: Duration,
    /// Age at which a connection ends after its active requests; zero for no limit.
    pub max_connection_age: Duration,
    /// Maximum number of concurrent requests on an HTTP/2 connection.
    pub max_http2_streams: u32,
    /// Maximum number of open event and log streams.
    pub max_streams: usize,
    /// Maximum number of open streams of one caller.
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
            max_connection_age: Duration::from_secs(30 * 60),
            max_http2_streams: 64,
            max_streams: 256,
            max_streams_per_caller: 16,
        }
    }
}

/// The rules, prepared for use by every request.
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

/// The current rules, which can be replaced while the server runs. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct ReloadableRules(Arc<ArcSwap<CompiledRules>>);

impl ReloadableRules {
    pub(crate) fn new(rules: Rules) -> ReloadableRules {
        ReloadableRules(Arc::new(ArcSwap::from_pointee(CompiledRules::new(rules))))
    }

    pub(crate) fn load(&self) -> Arc<CompiledRules> {
        self.0.load_full()
    }

    pub(crate) fn store(&self, rules: Rules) {
        self.0.store(Arc::new(CompiledRules::new(rules)));
    }
}

/// A connection's copy of the rules. Loading it does not contend with other connections while the rules are unchanged.
pub(crate) struct CachedRules(Mutex<Cache<Arc<ArcSwap<CompiledRules>>, Arc<CompiledRules>>>);

impl CachedRules {
    pub(crate) fn new(rules: &ReloadableRules) -> CachedRules {
        CachedRules(Mutex::new(Cache::new(rules.0.clone())))
    }

    pub(crate) fn load(&self) -> Arc<CompiledRules> {
        self.0.lock().load().clone()
    }
}

impl fmt::Debug for CachedRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CachedRules")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_uses_new_rules_once_they_are_stored() {
        let rules = ReloadableRules::new(Rules::default());
        let cached = CachedRules::new(&rules);
        assert_eq!(cached.load().rules.max_streams, 256);
        rules.store(Rules { max_streams: 7, ..Rules::default() });
        assert_eq!(cached.load().rules.max_streams, 7);
        assert_eq!(rules.load().rules.max_streams, 7);
    }
}
