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
    host_core::Manifest::check(yaml.as_bytes(), host_core::manifest::Mode::Strict).unwrap().manifest.endpoints.remove(0)
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
