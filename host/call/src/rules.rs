//! The rules of plugin.yaml for requests to an endpoint, checked before the plugin is called.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use host_core::configuration::Schema;
use host_core::manifest::{Endpoint, RateLimit, Validation};
use host_core::{BodyProblem, BodyRules, RateLimiter};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::caller::Caller;
use crate::refusal::RuleRefusal;

/// A body of at most this many bytes is checked on the worker, unless its schema needs many steps. A larger body is
/// checked on a blocking thread, so that it does not delay other calls.
const CHECKED_INLINE_BYTES: usize = 16 * 1024;

/// The rules for requests to one endpoint.
#[derive(Debug)]
pub struct EndpointRules {
    limit: Option<Limiter>,
    /// The accepted media types, in lower case; every type if empty.
    content_types: Vec<String>,
    body: Option<Arc<BodyRules>>,
    /// The largest body. A body that is checked is buffered, so its limit is lower.
    pub(crate) max_body_bytes: u64,
}

/// The rate limiter of an endpoint. Clones share the buckets.
#[derive(Clone, Debug)]
struct Limiter {
    limit: RateLimit,
    clients: Arc<ClientBuckets>,
}

#[derive(Debug)]
struct ClientBuckets {
    buckets: Mutex<RateLimiter>,
    started: Instant,
    /// Hashes clients with a random key, so that a client cannot choose the bucket of another one.
    hasher: RandomState,
}

impl EndpointRules {
    /// The rules of an endpoint; `None` if it has none. `before` are the rules of the previous generation: a rate limit
    /// that has not changed keeps its buckets.
    pub fn new(
        endpoint: &Endpoint,
        schemas: &BTreeMap<String, Schema>,
        before: Option<&EndpointRules>,
    ) -> Option<EndpointRules> {
        let limit = endpoint.rate_limit.map(|limit| {
            let kept = before.and_then(|before| before.limit.as_ref()).filter(|kept| kept.limit == limit);
            kept.cloned().unwrap_or_else(|| Limiter::new(limit))
        });
        let content_types = endpoint.validation.as_ref().map(|rules| rules.content_type.clone()).unwrap_or_default();
        let body = endpoint.checks_body().map(|rules| {
            let schema = endpoint.body_schema().and_then(|path| schemas.get(path.as_str())).cloned();
            Arc::new(BodyRules { required: rules.required.clone(), schema })
        });
        let most = if body.is_some() { Validation::MAX_BODY_BYTES } else { u64::MAX };
        let has_rules = limit.is_some() || !content_types.is_empty() || body.is_some();
        let max_body_bytes = endpoint.max_body_bytes.min(most);
        has_rules.then_some(EndpointRules { limit, content_types, body, max_body_bytes })
    }

    /// Checks rate limit and content type, before the body is read.
    pub(crate) fn admit(&self, caller: &Caller<'_>, headers: &HeaderMap) -> Result<(), RuleRefusal> {
        if let Some(limit) = &self.limit {
            limit.take(caller).map_err(RuleRefusal::RateLimited)?;
        }
        if self.body.is_some() && headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            let detail = "the endpoint checks its body, which must not have a `Content-Encoding`";
            return Err(RuleRefusal::ContentType(detail.to_owned()));
        }
        let sent = media_type(headers);
        if !self.content_types.is_empty() && !self.content_types.contains(&sent) {
            let detail = format!("the endpoint accepts {}, found `{sent}`", self.content_types.join(", "));
            return Err(RuleRefusal::ContentType(detail));
        }
        // Other types are passed unchecked only if plugin.yaml lists them.
        if self.body.is_some() && self.content_types.is_empty() && !is_json(&sent) {
            let detail = format!("the endpoint accepts application/json, found `{sent}`");
            return Err(RuleRefusal::ContentType(detail));
        }
        Ok(())
    }

    /// The rules for the body of a request with these headers; `None` if the body is not checked.
    pub(crate) fn body(&self, headers: &HeaderMap) -> Option<&Arc<BodyRules>> {
        self.body.as_ref().filter(|_| is_json(&media_type(headers)))
    }
}

/// Checks a body: a small body at once, a larger one on a blocking thread. At most one check per core runs there.
///
/// # Cancel safety
/// Dropping the future ends the wait; a check that has started runs to its end.
pub(crate) async fn check_body(rules: &Arc<BodyRules>, body: &Bytes) -> Result<(), RuleRefusal> {
    static PERMITS: OnceLock<Arc<Semaphore>> = OnceLock::new();
    if body.len() <= CHECKED_INLINE_BYTES
        && let Some(checked) = rules.check_light(body)
    {
        return checked.map_err(refused);
    }
    let n_cores = || std::thread::available_parallelism().map_or(2, usize::from);
    let permits = PERMITS.get_or_init(|| Arc::new(Semaphore::new(n_cores())));
    // The semaphore is never closed.
    let permit = permits.clone().acquire_owned().await.ok();
    let rules = rules.clone();
    let body = body.clone();
    let checked = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        rules.check(&body)
    });
    match checked.await {
        Ok(checked) => checked.map_err(refused),
        // The check panicked, or the runtime is shutting down.
        Err(error) => Err(RuleRefusal::BodyNotJson(format!("the check failed: {error}"))),
    }
}

fn refused(problem: BodyProblem) -> RuleRefusal {
    match problem {
        BodyProblem::NotJson(reason) => RuleRefusal::BodyNotJson(reason),
        BodyProblem::DoesNotFit(violations) => RuleRefusal::BodyDoesNotFit(violations),
    }
}

impl Limiter {
    fn new(limit: RateLimit) -> Limiter {
        let clients = ClientBuckets {
            buckets: Mutex::new(RateLimiter::new(limit)),
            started: Instant::now(),
            hasher: RandomState::new(),
        };
        Limiter { limit, clients: Arc::new(clients) }
    }

    fn take(&self, caller: &Caller<'_>) -> Result<(), Duration> {
        let ClientBuckets { buckets, started, hasher } = &*self.clients;
        let client = client(caller, hasher);
        let now = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        buckets.lock().take(client, now)
    }
}

/// The key under which a client is limited: the authenticated caller, else the IPv4 address or the /64 of the IPv6
/// address, since one client usually has a whole /64.
fn client(caller: &Caller<'_>, hasher: &RandomState) -> u64 {
    if let Some(actor) = caller.actor {
        return hasher.hash_one(("actor", actor));
    }
    match caller.peer.parse::<SocketAddr>().map(|peer| peer.ip().to_canonical()) {
        Ok(IpAddr::V4(address)) => hasher.hash_one(("v4", address.octets())),
        Ok(IpAddr::V6(address)) => hasher.hash_one(("v6", &address.octets()[..8])),
        Err(_) => hasher.hash_one(("peer", caller.peer)),
    }
}

/// The media type of a body, in lower case and without parameters; empty if the header is missing.
fn media_type(headers: &HeaderMap) -> String {
    let sent = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    sent.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Returns whether a media type is `application/json` or ends with `+json` (RFC 6839).
fn is_json(media_type: &str) -> bool {
    media_type == "application/json" || media_type.ends_with("+json")
}

#[cfg(test)]
mod tests;
