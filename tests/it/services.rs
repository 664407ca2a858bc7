//! What a plugin may ask of its host, asked by a real plugin of a real host: what it keeps, and how plugins meet.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::host::{TestHost, endpoint, eventually};
use crate::plugins::{built, copy};

/// Loads the plugin with another plugin.yaml.
pub(crate) async fn load_as(host: &TestHost, id: &str, change: impl Fn(String) -> String) -> Answer {
    let folder = host.sources().join(id);
    copy(built("services").await.parent().unwrap(), &folder);
    let yaml = std::fs::read_to_string(folder.join("plugin.yaml")).unwrap();
    let yaml = change(yaml.replace("id: services\n", &format!("id: {id}\n")));
    std::fs::write(folder.join("plugin.yaml"), yaml).unwrap();
    host.try_load(&folder.join("library.so")).await.expect(200)
}

async fn put(host: &TestHost, path: &str, body: &[u8]) -> Answer {
    host.anonymous().request("PUT", &endpoint(path)).body(body).send().await
}

pub(crate) async fn post(host: &TestHost, path: &str, body: &str) -> Answer {
    let request = host.anonymous().request("POST", &endpoint(path)).header("content-type", "application/json");
    request.body(body.as_bytes()).send().await
}

pub(crate) async fn reload(host: &TestHost, id: &str) {
    host.post(&format!("/api/plugins/{id}/reload")).await.expect(200);
}

/// The messages in a plugin's own log.
pub(crate) async fn said(host: &TestHost, id: &str) -> Vec<String> {
    let lines = host.get(&format!("/api/plugins/{id}/logs")).await.expect(200).json()["lines"].clone();
    lines.as_array().unwrap().iter().map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn stored_keys_survive_reloads_and_restarts_and_are_removed_with_the_plugin() {
    let host = TestHost::start().await;
    host.load("services").await;
    put(&host, "services/kv/bowl", b"tuna").await.expect(204);
    reload(&host, "services").await;
    assert_eq!(host.call("services/kv/bowl").await.expect(200).text(), "tuna");

    let host = host.restart().await;
    load_as(&host, "other-plugin", |yaml| yaml).await;
    assert_eq!(host.call("other-plugin/kv/bowl").await.expect(404).code(), "no_such_key");
    host.load("services").await;
    assert_eq!(host.call("services/kv/bowl").await.expect(200).text(), "tuna");

    host.delete("/api/plugins/services?keep_data=true").await.expect(200);
    host.load("services").await;
    assert_eq!(host.call("services/kv").await.expect(200).json(), json!(["bowl"]));
    host.delete("/api/plugins/services").await.expect(200);
    host.load("services").await;
    assert_eq!(host.call("services/kv").await.expect(200).json(), json!([]));
}

#[tokio::test]
async fn one_of_two_conflicting_changes_wins() {
    let host = TestHost::start().await;
    host.load("services").await;
    put(&host, "services/kv/bowl", b"empty").await.expect(204);
    let mut calls = Vec::new();
    for food in ["tuna", "milk"] {
        let mut call = host.anonymous().begin("POST", &endpoint("services/kv/bowl")).await;
        call.send_chunk(food.as_bytes()).await;
        calls.push((food, call));
    }
    eventually("both have read", || async { host.call("services/swaps").await.text() == "2" }).await;
    let mut won = Vec::new();
    for (food, mut call) in calls {
        call.end().await;
        match call.head(false).await.status {
            204 => won.push(food),
            status => assert_eq!((status, won.len()), (412, 1)),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(host.call("services/kv/bowl").await.text(), won[0]);
}

#[tokio::test]
async fn a_value_over_its_quota_is_refused_and_the_quota_is_named() {
    let host = TestHost::start().await;
    host.load("services").await;
    put(&host, "services/kv/most", &vec![b'x'; 1 << 20]).await.expect(204);
    let refused = put(&host, "services/kv/more", &vec![b'x'; (1 << 20) + 1]).await.expect(413);
    assert_eq!(refused.code(), "kv_quota");
    let detail = refused.json()["detail"].clone();
    assert!(detail.as_str().unwrap().contains("`kv_max_value_bytes`"), "{detail}");
    assert!(detail.as_str().unwrap().contains("1 MiB"), "{detail}");
    let long = "k".repeat(513);
    assert_eq!(put(&host, &format!("services/kv/{long}"), b"x").await.expect(400).code(), "kv_bad_key");
    assert_eq!(host.call("services/kv").await.json(), json!(["most"]));
}

#[tokio::test]
async fn a_missing_permission_is_named_to_the_operator_and_not_to_the_caller() {
    let host = TestHost::start().await;
    load_as(&host, "services", |yaml| yaml.replace("kv.write, ", "").replace(", metrics.write", "")).await;
    let refused = put(&host, "services/strict/bowl", b"tuna").await.expect(500);
    assert!(!refused.text().contains("kv.write"), "{}", refused.text());
    let line = host.logged("add `kv.write` under `permissions`").await;
    assert!(line.contains("services"), "{line}");
    let says = |permission: &str| format!("add `{permission}` under `permissions`");
    let said = said(&host, "services").await.join("\n");
    assert!(said.contains(&says("kv.write")) && said.contains(&says("metrics.write")), "{said}");

    load_as(&host, "no-permissions", |yaml| yaml.split_once("permissions:").unwrap().0.to_owned()).await;
    for (method, path, body) in [
        ("GET", "kv", ""),
        ("PUT", "kv/bowl", "tuna"),
        ("GET", "listen/services/fed", ""),
        ("POST", "publish/fed", "1"),
        ("GET", "call/services/me", ""),
        ("POST", "fetch", "http://127.0.0.1:1/"),
        ("GET", "secret/key", ""),
    ] {
        let request = host.anonymous().request(method, &endpoint(&format!("no-permissions/{path}")));
        let request = request.header("content-type", "application/json").body(body.as_bytes());
        assert_eq!(request.send().await.expect(403).code(), "permission_denied", "{path}");
    }
}

#[tokio::test]
async fn an_event_of_one_plugin_is_heard_by_another() {
    let host = TestHost::start().await;
    host.load("services").await;
    load_as(&host, "second", |yaml| yaml).await;
    let listen = async |path: &str| {
        let mut call = host.anonymous().request("GET", &endpoint(path)).open().await;
        assert_eq!(call.head(false).await.status, 200);
        call
    };
    let mut heard = listen("second/listen/services/fed").await;
    let mut all = listen("second/listen/services/*").await;
    let mut own = listen("second/listen/second/fed").await;
    assert_eq!(post(&host, "services/publish/fed", r#"{"cat":7}"#).await.expect(200).text(), "2");
    assert_eq!(post(&host, "services/publish/slept", "1").await.expect(200).text(), "1");
    let event = json!({ "topic": "services/fed", "plugin": "services", "data": { "cat": 7 } });
    for call in [&mut heard, &mut all] {
        assert_eq!(serde_json::from_slice::<Value>(&call.chunk().await.unwrap()).unwrap(), event);
    }
    assert_eq!(post(&host, "services/publish/no%20topic", "1").await.expect(400).code(), "event_bad_topic");

    // A reload ends the subscriptions of the old generation, and with them the answers.
    reload(&host, "second").await;
    assert_eq!((own.chunk().await, own.is_whole()), (None, true));
    assert_eq!((heard.chunk().await, heard.is_whole()), (None, true));
    assert_eq!(post(&host, "services/publish/fed", "1").await.expect(200).text(), "0");
}

#[tokio::test]
async fn a_call_of_another_plugin_is_one_request_in_both_logs() {
    let host = TestHost::start().await;
    host.load("services").await;
    load_as(&host, "second", |yaml| yaml).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = host.anonymous().request("GET", &endpoint("services/call/second/me"));
    let answer = request.header("x-request-id", "one-request").header("traceparent", trace).send().await.expect(200);
    let trace_id = &trace[3..35];
    let me = answer.json();
    assert_eq!((&me["request_id"], &me["generation"]), (&json!("one-request"), &json!(1)));
    assert!(me["traceparent"].as_str().unwrap().contains(trace_id), "{me}");
    for (id, message) in [("services", "calls path=second/me"), ("second", "is called")] {
        let said = said(&host, id).await;
        let line = said.iter().find(|line| line.contains(message)).unwrap_or_else(|| panic!("{said:?}"));
        assert!(line.contains("one-request") && line.contains(trace_id), "{line}");
    }
    assert_eq!(host.metric(r#"plugin_host_requests_total{endpoint="GET /me",plugin="second"}"#).await, 1.0);

    assert_eq!(host.call("services/call/second/guarded").await.expect(403).code(), "auth_plugin");
    assert_eq!(host.call("services/call/nobody/me").await.expect(404).code(), "plugin_unknown");
    assert_eq!(host.call("services/call/second/nothing").await.expect(404).code(), "endpoint_unknown");
    host.post("/api/plugins/second/disable").await.expect(200);
    assert_eq!(host.call("services/call/second/me").await.expect(503).code(), "plugin_not_serving");
}

#[tokio::test]
async fn plugins_that_call_each_other_in_a_circle_are_stopped() {
    let host = TestHost::start().await;
    host.load("services").await;
    load_as(&host, "second", |yaml| yaml).await;
    let nested = |n: usize| format!("services/{}me", "call/second/call/services/".repeat(n));
    host.call(&nested(4)).await.expect(200);
    let stopped = host.call(&nested(5)).await.expect(508);
    assert_eq!(stopped.code(), "call_loop");
    assert!(stopped.text().contains("in a cycle"), "{}", stopped.text());
    host.call("second/me").await.expect(200);
}
