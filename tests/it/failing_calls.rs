//! Calls that fail inside a plugin: the caller gets an answer, the operator a line, everybody else nothing.

use serde_json::{Value, json};

use crate::host::{TestHost, endpoint, eventually};
use crate::plugins::{copy, source};

/// The line of the plugin's source that holds `code`.
fn line_of(code: &str) -> usize {
    let text = std::fs::read_to_string(crate::plugins::source("panics-on-call").join("src/lib.rs")).unwrap();
    text.lines().position(|line| line.contains(code)).unwrap() + 1
}

#[tokio::test]
async fn a_panic_is_a_500_with_a_request_id_and_a_line_that_names_the_place() {
    let host = TestHost::start().await;
    host.load("panics-on-call").await;
    host.load("hello").await;
    let client = host.anonymous();
    for (method, path, message, code) in [
        ("GET", "handler", "the handler panics", "panic!(\"the handler panics"),
        ("POST", "later", "after 4 bytes", "panic!(\"after {} bytes"),
        ("GET", "payload", "no message", "panic_any(Bomb)"),
    ] {
        let request = client.request(method, &endpoint(&format!("panics-on-call/{path}")));
        let request = if method == "POST" { request.body(b"four") } else { request };
        let answer = request.send().await.expect(500);
        assert_eq!(answer.code(), "plugin_panicked");
        assert!(!answer.text().contains(message), "the caller is told too much: {}", answer.text());
        let id = answer.header("x-request-id").unwrap();
        let logged = host.logged(id).await;
        let place = format!("{message} at src/lib.rs:{}", line_of(code));
        assert!(logged.contains(&place), "`{place}` is not in {logged}");
    }
    let lines = host.get("/api/plugins/panics-on-call/logs").await.expect(200).text();
    assert!(lines.contains("the handler panics at src/lib.rs:"), "{lines}");
    assert_eq!(host.metric(r#"plugin_host_panics_total{plugin="panics-on-call"}"#).await, 3.0);

    host.call("panics-on-call/fine").await.expect(200);
    host.call("hello/hello").await.expect(200);
    let list = host.get("/api/plugins").await.json()["plugins"].clone();
    assert_eq!(list["panics-on-call"]["status"]["health"], "degraded");
    assert_eq!(
        (&list["panics-on-call"]["status"]["error_count"], &list["hello"]["status"]["health"]),
        (&json!(3), &json!("healthy"))
    );
}

#[tokio::test]
async fn a_panic_in_an_answers_body_cuts_the_answer_off() {
    let host = TestHost::start().await;
    host.load("panics-on-call").await;
    let mut call = host.anonymous().request("GET", &endpoint("panics-on-call/body")).open().await;
    // How much of it was sent before depends on what the connection has taken already.
    if let Some(head) = call.try_head(false).await {
        assert_eq!(head.status, 200);
        assert!(b"chunk\n".starts_with(&call.rest().await));
        assert!(!call.is_whole(), "a caller must see that the answer is not whole");
    }
    host.logged("the body panics at src/lib.rs:").await;
    host.call("panics-on-call/fine").await.expect(200);
}

#[tokio::test]
async fn a_panic_while_something_is_dropped_is_swallowed() {
    let host = TestHost::start().await;
    host.load("panics-on-call").await;
    assert_eq!(host.call("panics-on-call/drop").await.expect(504).code(), "plugin_timed_out");
    let mut call = host.anonymous().request("GET", &endpoint("panics-on-call/drop-body")).open().await;
    call.head(false).await;
    call.chunk().await.unwrap();
    drop(call);
    eventually("the call has ended", || async {
        host.metric(r#"plugin_host_in_flight_requests{plugin="panics-on-call"}"#).await == 0.0
    })
    .await;
    host.call("panics-on-call/fine").await.expect(200);
    host.post("/api/plugins/panics-on-call/reload").await.expect(200);
    host.call("panics-on-call/fine").await.expect(200);
}

#[tokio::test]
async fn a_call_that_hangs_is_answered_at_its_deadline() {
    let host = TestHost::start().await;
    host.load("hangs-on-call").await;
    let answer = host.call("hangs-on-call/for-ever").await.expect(504);
    assert_eq!(answer.code(), "plugin_timed_out");
    assert!(answer.text().contains("200 ms"), "{}", answer.text());
    assert_eq!(host.plugin("hangs-on-call").await["status"]["health"], "degraded");

    // Hanging calls hold no worker: more than there could be at once, and another one in between.
    let client = host.anonymous();
    let hanging: Vec<_> = (0..64)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.get(&endpoint("hangs-on-call/for-ever")).await.status })
        })
        .collect();
    host.call("hangs-on-call/fine").await.expect(200);
    for call in hanging {
        assert_eq!(call.await.unwrap(), 504);
    }
    eventually("no call is in flight", async || {
        host.metric(r#"plugin_host_in_flight_requests{plugin="hangs-on-call"}"#).await == 0.0
    })
    .await;
}

#[tokio::test]
async fn a_caller_who_does_not_send_his_body_is_not_the_plugins_failure() {
    let host = TestHost::start().await;
    let folder = host.sources().join("impatient");
    copy(&source("slow"), &folder);
    let manifest = std::fs::read_to_string(folder.join("plugin.yaml")).unwrap();
    let impatient = manifest.replacen("handler: wait, timeout_ms: 120000", "handler: wait, timeout_ms: 300", 1);
    assert_ne!(impatient, manifest);
    std::fs::write(folder.join("plugin.yaml"), impatient).unwrap();
    host.try_load(&folder).await.expect(200);

    let mut call = host.anonymous().begin("POST", &endpoint("slow/wait")).await;
    call.send_chunk(b"the first part, and nothing more").await;
    let answer = call.head(false).await;
    assert_eq!(answer.status, 408);
    let plugin = host.plugin("slow").await;
    assert_eq!((&plugin["status"]["health"], &plugin["status"]["error_count"]), (&json!("healthy"), &json!(0)));
}

#[tokio::test]
async fn a_caller_who_leaves_ends_the_call() {
    let host = TestHost::start().await;
    host.load("hangs-on-call").await;
    let in_flight = || host.metric(r#"plugin_host_in_flight_requests{plugin="hangs-on-call"}"#);
    for path in ["patient", "half"] {
        let call = host.anonymous().request("GET", &endpoint(&format!("hangs-on-call/{path}"))).open().await;
        eventually("the call is in flight", || async { in_flight().await == 1.0 }).await;
        drop(call);
        eventually("the call has ended", || async { in_flight().await == 0.0 }).await;
    }
}

#[tokio::test]
async fn one_plugins_failures_do_not_disable_it_or_another() {
    let host = TestHost::start().await;
    for name in ["panics-on-call", "hangs-on-call", "bad-answer", "hello"] {
        host.load(name).await;
    }
    for _ in 0..50 {
        host.call("panics-on-call/handler").await.expect(500);
        host.call("bad-answer/status/999").await.expect(500);
    }
    host.call("hangs-on-call/for-ever").await.expect(504);
    for good in ["hello/hello", "panics-on-call/fine", "hangs-on-call/fine", "bad-answer/status/200"] {
        host.call(good).await.expect(200);
    }
    let list = host.get("/api/plugins").await.json()["plugins"].clone();
    for (id, plugin) in list.as_object().unwrap() {
        assert_eq!((&plugin["enabled"], &plugin["last_error"]), (&json!(true), &Value::Null), "{id}");
    }
}
