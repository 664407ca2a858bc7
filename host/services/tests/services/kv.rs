//! The key-value store.

use host_load::service::KV;
use serde_json::json;

use crate::support::{ALL, Ask, TestHost, ask};

fn put(key: &str, value: &str) -> Ask {
    ask(KV, "PUT").param("key", key).bytes(value.to_owned())
}

fn get(key: &str) -> Ask {
    ask(KV, "GET").param("key", key)
}

fn delete(key: &str) -> Ask {
    ask(KV, "DELETE").param("key", key)
}

#[tokio::test]
async fn a_value_comes_back_with_its_version() {
    let host = TestHost::start().await;
    let plugin = host.plugin("one", ALL);
    assert_eq!(get("a").of(&plugin).await.refusal().1, "kv_not_found");
    let answer = put("a", "x").of(&plugin).await;
    assert_eq!((answer.status, answer.header("etag"), answer.body.len()), (204, "\"1\"", 0));
    let answer = get("a").of(&plugin).await;
    assert_eq!((answer.status, answer.header("etag"), answer.text()), (200, "\"1\"", "x".to_owned()));
    assert_eq!(get("a").of(&host.plugin("two", ALL)).await.status, 404, "another plugin's keys are its own");
    assert_eq!(delete("a").of(&plugin).await.status, 204);
    assert_eq!(delete("a").of(&plugin).await.refusal().1, "kv_not_found");
}

#[tokio::test]
async fn conditions_are_those_of_http() {
    let host = TestHost::start().await;
    let plugin = host.plugin("one", ALL);
    let status = |ask: Ask| {
        let plugin = plugin.clone();
        async move {
            let answer = ask.of(&plugin).await;
            if answer.status < 300 { (answer.status, String::new()) } else { (answer.status, answer.refusal().1) }
        }
    };
    for (ask, expected) in [
        (put("a", "1").header("if-match", "\"1\""), (412, "kv_changed")),
        (put("a", "1").header("if-none-match", "*"), (204, "")),
        (put("a", "2").header("if-none-match", "*"), (412, "kv_changed")),
        (put("a", "2").header("if-match", "\"1\""), (204, "")),
        (put("a", "3").header("if-match", "\"1\""), (412, "kv_changed")),
        (put("a", "3").header("if-match", "2"), (400, "service_bad_request")),
        (put("a", "3").header("if-match", "*"), (400, "service_bad_request")),
        (put("a", "3").header("if-none-match", "\"2\""), (400, "service_bad_request")),
        (put("a", "3").header("if-match", "\"2\"").header("if-none-match", "*"), (400, "service_bad_request")),
        (put("a", "3").header("if-match", "\"2\"").header("if-match", "\"3\""), (400, "service_bad_request")),
        (delete("a").header("if-none-match", "*"), (400, "service_bad_request")),
        (delete("a").header("if-match", "\"1\""), (412, "kv_changed")),
        (delete("a").header("if-match", "\"2\""), (204, "")),
        (delete("a").header("if-match", "\"2\""), (412, "kv_changed")),
    ] {
        let request = ask.request();
        let shown = format!("{} {:?}", request.method, request.headers);
        let (code, word) = status(crate::support::ask(KV, "GET").with(|new| *new = request)).await;
        assert_eq!((code, word.as_str()), expected, "{shown}");
    }
}

#[tokio::test]
async fn keys_are_listed_page_by_page() {
    let host = TestHost::start().await;
    let plugin = host.plugin("one", ALL);
    for key in ["b/2", "a", "b/1"] {
        put(key, key).of(&plugin).await;
    }
    let list = || ask(KV, "GET");
    assert_eq!(
        list().of(&plugin).await.json(),
        json!({"keys": [
            {"key": "a", "version": 2, "bytes": 1},
            {"key": "b/1", "version": 3, "bytes": 3},
            {"key": "b/2", "version": 1, "bytes": 3},
        ], "more": false})
    );
    let page = list().param("prefix", "b/").param("limit", "1").of(&plugin).await.json();
    assert_eq!(page, json!({"keys": [{"key": "b/1", "version": 3, "bytes": 3}], "more": true}));
    let page = list().param("prefix", "b/").param("after", "b/1").of(&plugin).await.json();
    assert_eq!(page, json!({"keys": [{"key": "b/2", "version": 1, "bytes": 3}], "more": false}));
    for limit in ["0", "1001", "x", "-1"] {
        assert_eq!(list().param("limit", limit).of(&plugin).await.refusal().1, "service_bad_request", "{limit}");
    }
}

#[tokio::test]
async fn a_refusal_names_the_quota() {
    let host = TestHost::start().await;
    let plugin = host.plugin("one", ALL);
    let long = "x".repeat(1001);
    let (status, code, detail) = put("a", &long).of(&plugin).await.refusal();
    assert_eq!((status, code.as_str()), (413, "kv_quota"));
    assert!(detail.contains("`kv_max_value_bytes`") && detail.contains("1000"), "{detail}");
    for key in ["a", "b"] {
        assert_eq!(put(key, &long[1..]).of(&plugin).await.status, 204);
    }
    let (status, code, detail) = put("c", &long[1..]).of(&plugin).await.refusal();
    assert_eq!((status, code.as_str()), (413, "kv_quota"));
    assert!(detail.contains("`kv_max_total_bytes`") && detail.contains("3000") && detail.contains("3003"), "{detail}");
}
