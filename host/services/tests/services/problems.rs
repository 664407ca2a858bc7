//! All refusals as a table, and the permission that each request needs.

use host_load::service::{CALL, EVENTS, FETCH, KV, SECRETS};

use crate::support::{ALL, Ask, TestHost, ask};

fn fetch(url: &str) -> Ask {
    ask(FETCH, "GET").path(url)
}

#[tokio::test]
async fn each_request_needs_its_permission_and_no_other() {
    let host = TestHost::start().await;
    for (request, permission) in [
        (|| ask(KV, "GET").param("key", "a"), "kv.read"),
        (|| ask(KV, "GET"), "kv.read"),
        (|| ask(KV, "PUT").param("key", "a"), "kv.write"),
        (|| ask(KV, "DELETE").param("key", "a"), "kv.write"),
        (|| ask(EVENTS, "POST").param("topic", "a"), "events.publish"),
        (|| ask(EVENTS, "GET").param("topic", "*"), "events.subscribe"),
        (|| fetch("http://a.example/"), "http.fetch"),
        (|| ask(CALL, "GET").path("/two/a"), "plugins.call"),
        (|| ask(SECRETS, "GET").param("name", "a"), "secrets.read"),
    ] as [(fn() -> Ask, &str); 9]
    {
        let others = ALL.replace(&format!("{permission}, "), "").replace(&format!(", {permission}"), "");
        let (status, code, detail) = request().of(&host.plugin("one", &others)).await.refusal();
        assert_eq!((status, code.as_str()), (403, "permission_denied"));
        assert_eq!(
            detail,
            format!(
                "the request needs the permission `{permission}`, which plugin.yaml does not list; hint: \
                 add `{permission}` under `permissions`"
            )
        );
        let alone = host.plugin("one", &format!("permissions: [{permission}]\n"));
        let response = alone.send(request().request()).await;
        let code = response.headers().get("content-type").is_some_and(|kind| kind == "application/problem+json");
        if code {
            let answer = request().of(&alone).await;
            assert_ne!(answer.refusal().1, "permission_denied", "{permission}");
        }
    }
}

#[tokio::test]
async fn refusals_have_a_status_and_a_stable_code() {
    let host = TestHost::start().await;
    let fields = format!("{ALL}security: {{network_access: true, allowed_hosts: [a.example]}}\n");
    let plugin = host.plugin("one", &fields);
    let publish = |topic: &str, body: &str| ask(EVENTS, "POST").param("topic", topic).bytes(body.to_owned());
    let subscribe = |topic: &str| ask(EVENTS, "GET").param("topic", topic);
    for (request, status, code) in [
        (ask(0, "GET"), 404, "service_not_found"),
        (ask(6, "GET"), 404, "service_not_found"),
        (ask(KV, "POST").param("key", "a"), 405, "service_method"),
        (ask(EVENTS, "PUT").param("topic", "a"), 405, "service_method"),
        (ask(SECRETS, "PUT").param("name", "a"), 405, "service_method"),
        (ask(FETCH, "CONNECT").path("http://a.example"), 405, "service_method"),
        (ask(KV, "PUT"), 400, "service_bad_request"),
        (ask(KV, "DELETE"), 400, "service_bad_request"),
        (ask(KV, "GET").param("key", ""), 400, "kv_bad_key"),
        (ask(KV, "PUT").param("key", "a\n"), 400, "kv_bad_key"),
        (ask(KV, "PUT").param("key", &"x".repeat(513)), 400, "kv_bad_key"),
        (ask(EVENTS, "POST"), 400, "service_bad_request"),
        (publish("a/b", "1"), 400, "event_bad_topic"),
        (publish("*", "1"), 400, "event_bad_topic"),
        (publish("", "1"), 400, "event_bad_topic"),
        (publish(&"x".repeat(101), "1"), 400, "event_bad_topic"),
        (publish("a", "{"), 400, "event_not_json"),
        (publish("a", ""), 400, "event_not_json"),
        (publish("a", "1 2"), 400, "event_not_json"),
        (publish("a", &format!("{}{}", "[".repeat(200), "]".repeat(200))), 400, "event_not_json"),
        (publish("a", &" ".repeat(64 * 1024 + 1)), 413, "event_too_long"),
        (subscribe("one"), 400, "event_bad_topic"),
        (subscribe("one/"), 400, "event_bad_topic"),
        (subscribe("*/a"), 400, "event_bad_topic"),
        (subscribe("one/a/b"), 400, "event_bad_topic"),
        (subscribe("one/a*"), 400, "event_bad_topic"),
        (ask(SECRETS, "GET"), 400, "service_bad_request"),
        (ask(SECRETS, "GET").param("name", "\u{1b}"), 404, "secret_not_found"),
        (fetch("/x"), 400, "fetch_bad_url"),
        (fetch("ftp://a.example/"), 400, "fetch_bad_url"),
        (fetch("http://user:word@a.example/"), 400, "fetch_bad_url"),
        (fetch("http://a.example/?a").with(|request| request.query = Some("b".to_owned())), 400, "fetch_bad_url"),
        (fetch("http://b.example/"), 403, "fetch_not_allowed"),
        (fetch("http://a.example:81/"), 403, "fetch_not_allowed"),
        (ask(CALL, "GET").path("/x"), 400, "call_bad_path"),
        (ask(CALL, "GET").path("/two/x"), 503, "call_unavailable"),
        (ask(CALL, "GET").path("/two/x").with(|request| request.depth = 8), 508, "call_loop"),
    ] {
        let request = request.request();
        let shown = format!("{} {} {} {:?}", request.service, request.method, request.path, request.params);
        let (found, word, detail) = plugin.ask(request).await.refusal();
        assert_eq!((found, word.as_str()), (status, code), "{shown}: {detail}");
        assert!(!detail.contains(char::is_control), "{detail:?}");
    }
}
