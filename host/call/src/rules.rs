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
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::trace::Trace;

    fn caller<'a>(peer: &'a str, actor: Option<&'a str>) -> Caller<'a> {
        Caller { peer, request_id: "r", depth: 0, actor, trace: Trace::begin(false) }
    }

    fn endpoint(fields: &str) -> Endpoint {
        let yaml = format!(
            "id: test\nname: Test\nversion: 1.0.0\nendpoints:\n- {{path: /a, method: POST, handler: a, {fields}}}\n"
        );
        host_core::Manifest::check(yaml.as_bytes(), host_core::manifest::Mode::Strict)
            .unwrap()
            .manifest
            .endpoints
            .remove(0)
    }

    fn rules(fields: &str) -> Option<EndpointRules> {
        EndpointRules::new(&endpoint(fields), &BTreeMap::new(), None)
    }

    #[test]
    fn an_endpoint_without_rules_has_none() {
        assert!(rules("max_body_bytes: 5, timeout_ms: 10").is_none());
        assert!(rules("rate_limit: {enabled: false, rpm: 5}, validation: {required: []}").is_none());
        assert_eq!(rules("validation: {content_type: [text/plain]}").unwrap().max_body_bytes, 1 << 20);
        let large = "max_body_bytes: 4294967296";
        assert_eq!(rules(&format!("validation: {{required: [a]}}, {large}")).unwrap().max_body_bytes, 16 << 20);
        assert_eq!(rules(&format!("rate_limit: {{rpm: 1}}, {large}")).unwrap().max_body_bytes, 4 << 30);
    }

    #[test]
    fn a_client_is_the_authenticated_caller_or_else_its_address() {
        let hasher = RandomState::new();
        let of = |peer, actor| client(&caller(peer, actor), &hasher);
        let a = of("127.0.0.1:1", None);
        for (peer, actor, is_the_same) in [
            ("127.0.0.1:2", None, true),
            ("[::ffff:127.0.0.1]:2", None, true),
            ("127.0.0.2:1", None, false),
            ("127.0.0.1:1", Some("token:a"), false),
            ("", None, false),
        ] {
            assert_eq!(of(peer, actor) == a, is_the_same, "{peer} {actor:?}");
        }
        assert_eq!(of("127.0.0.1:1", Some("a")), of("", Some("a")));
        assert_eq!(of("[2001:db8::1]:1", None), of("[2001:db8::ffff:1]:9", None));
        assert_ne!(of("[2001:db8::1]:1", None), of("[2001:db8:0:1::1]:1", None));
    }

    #[test]
    fn an_unchanged_limit_keeps_its_buckets() {
        let limited = endpoint("rate_limit: {rpm: 1}");
        let caller = caller("127.0.0.1:1", None);
        let of = |endpoint: &Endpoint, before: &EndpointRules| {
            EndpointRules::new(endpoint, &BTreeMap::new(), Some(before)).unwrap()
        };
        let first = EndpointRules::new(&limited, &BTreeMap::new(), None).unwrap();
        assert_eq!(first.admit(&caller, &HeaderMap::new()), Ok(()));
        let next = of(&limited, &first);
        assert!(matches!(next.admit(&caller, &HeaderMap::new()), Err(RuleRefusal::RateLimited(_))));
        let other = of(&endpoint("rate_limit: {rpm: 2}"), &next);
        assert_eq!(other.admit(&caller, &HeaderMap::new()), Ok(()));
    }

    #[test]
    fn a_checked_body_must_be_json_unless_plugin_yaml_lists_other_types() {
        let check = |fields: &str, sent: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(sent));
            let rules = rules(fields).unwrap();
            match rules.admit(&caller("", None), &headers) {
                Ok(()) if rules.body(&headers).is_some() => "checked".to_owned(),
                Ok(()) => "unchecked".to_owned(),
                Err(RuleRefusal::ContentType(detail)) => detail,
                Err(other) => panic!("{other:?}"),
            }
        };
        let asks = "validation: {required: [a]}";
        assert_eq!(check(asks, "application/json; charset=utf-8"), "checked");
        assert_eq!(check(asks, "Application/Problem+JSON"), "checked");
        assert_eq!(check(asks, "text/plain"), "the endpoint accepts application/json, found `text/plain`");
        let lists = "validation: {required: [a], content_type: [application/json, text/csv]}";
        assert_eq!(check(lists, "application/json"), "checked");
        assert_eq!(check(lists, "text/csv"), "unchecked");
        assert_eq!(check(lists, "text/plain"), "the endpoint accepts application/json, text/csv, found `text/plain`");
    }

    #[tokio::test]
    async fn small_and_large_bodies_are_checked_alike() {
        let rules = Arc::new(BodyRules { required: vec!["name".to_owned()], schema: Some(Schema::any()) });
        let body = |n: usize| Bytes::from(format!("{{\"text\": \"{}\"}}", "x".repeat(n)));
        for n in [10, CHECKED_INLINE_BYTES + 1] {
            let Err(RuleRefusal::BodyDoesNotFit(violations)) = check_body(&rules, &body(n)).await else { panic!() };
            assert_eq!(violations[0].to_string(), "`/name`: is required");
        }
    }

    #[test]
    fn a_large_body_is_checked_outside_of_the_worker() {
        // The only blocking thread is busy, so a check that needs it cannot end.
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        let (release, busy) = std::sync::mpsc::channel::<()>();
        let blocker = runtime.spawn_blocking(move || busy.recv());
        let rules = Arc::new(BodyRules { required: vec![], schema: Some(Schema::any()) });
        let body = |n: usize| Bytes::from(format!("{{\"text\": \"{}\"}}", "x".repeat(n)));
        runtime.block_on(async {
            check_body(&rules, &body(10)).await.unwrap();
            let large = body(CHECKED_INLINE_BYTES + 1);
            let mut check = std::pin::pin!(check_body(&rules, &large));
            let polled = std::future::poll_fn(|context| std::task::Poll::Ready(check.as_mut().poll(context))).await;
            assert!(polled.is_pending(), "the check ran on the worker");
            release.send(()).unwrap();
            check.await.unwrap();
            blocker.await.unwrap().unwrap();
        });
    }
}
