//! What of the front may change while it serves: who is listened to, and how long.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Cache};
use parking_lot::Mutex;

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
