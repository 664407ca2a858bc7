//! The rules of an endpoint (rate limit, content type, schema) are checked before the plugin is called.

use serde_json::{Value, json};

use crate::client::Answer;
use crate::host::{TestHost, endpoint};
use crate::plugins::{built, copy};

const SCHEMA: &str = r##"{
    "type": "object",
    "required": ["cat"],
    "properties": {"cat": {"$ref": "#/$defs/name"}, "lives": {"type": "integer", "maximum": 9}, "all": {"items": {"type": "integer"}}},
    "$defs": {"name": {"type": "string", "minLength": 2}}
}"##;

/// Writes the plugin `echo` with rules for its `PUT /body` to a new folder.
async fn written(host: &TestHost, rules: &str) -> std::path::PathBuf {
    let folder = host.sources().join("rules");
    copy(built("echo").await.parent().unwrap(), &folder);
    let yaml = std::fs::read_to_string(built("echo").await.with_file_name("plugin.yaml")).unwrap();
    let line = "{path: /body, method: PUT, handler: body, description: The body}";
    assert!(yaml.contains(line));
    let ruled = format!("{{path: /body, method: PUT, handler: body, {rules}, description: The body}}");
    std::fs::write(folder.join("plugin.yaml"), yaml.replace(line, &ruled)).unwrap();
    std::fs::create_dir_all(folder.join("schemas")).unwrap();
    std::fs::write(folder.join("schemas/cat.json"), SCHEMA).unwrap();
    folder.join("library.so")
}

/// A host that serves the plugin `echo` with these rules.
pub(crate) async fn with_rules(rules: &str) -> TestHost {
    let host = TestHost::start().await;
    let library = written(&host, rules).await;
    host.try_load(&library).await.expect(200);
    host
}

async fn put(host: &TestHost, content_type: &str, body: &str) -> Answer {
    let request = host.anonymous().request("PUT", &endpoint("echo/body")).header("content-type", content_type);
    request.body(body.as_bytes()).send().await
}

async fn refused(host: &TestHost, reason: &str) -> f64 {
    host.metric(&format!(r#"plugin_host_endpoint_refused_total{{plugin="echo",reason="{reason}"}}"#)).await
}

#[tokio::test]
async fn a_client_over_the_rate_limit_gets_retry_after() {
    let host = with_rules("rate_limit: {rpm: 2, burst: 3, window_ms: 3600000}").await;
    for _ in 0..3 {
        assert_eq!(put(&host, "text/plain", "x").await.expect(200).text(), "x");
    }
    let answer = put(&host, "text/plain", "x").await.expect(429);
    assert_eq!(answer.code(), "endpoint_rate_limit");
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1700..=1800).contains(&wait), "{wait}");
    assert_eq!(refused(&host, "rate_limit").await, 1.0);
    let errors = host.metric(r#"plugin_host_request_errors_total{endpoint="PUT /body",plugin="echo"}"#).await;
    assert_eq!(errors, 0.0, "what the caller did wrong is not the plugin's error");
    // Other endpoints, including one with the same handler, are not limited.
    for _ in 0..10 {
        host.call("echo/request").await.expect(200);
        host.anonymous().request("POST", &endpoint("echo/body")).send().await.expect(200);
    }

    // A reload keeps the buckets of an unchanged limit, and a changed limit starts with full buckets.
    host.post("/api/plugins/echo/reload").await.expect(200);
    put(&host, "text/plain", "x").await.expect(429);
    let library = written(&host, "rate_limit: {rpm: 3, burst: 1, window_ms: 3600000}").await;
    host.try_load(&library).await.expect(200);
    put(&host, "text/plain", "x").await.expect(200);
    put(&host, "text/plain", "x").await.expect(429);
    // After a stop, the buckets are full too.
    host.post("/api/plugins/echo/restart").await.expect(200);
    put(&host, "text/plain", "x").await.expect(429);
    host.post("/api/plugins/echo/disable").await.expect(200);
    host.post("/api/plugins/echo/enable").await.expect(200);
    put(&host, "text/plain", "x").await.expect(200);
}

#[tokio::test]
async fn a_calling_plugin_has_its_own_rate_limit_bucket() {
    let host = TestHost::start().await;
    host.load("services").await;
    let limited = |yaml: String| {
        let line = "{path: /me, method: GET, handler: me,";
        assert!(yaml.contains(line));
        yaml.replace(line, &format!("{line} rate_limit: {{rpm: 1, window_ms: 3600000}},"))
    };
    crate::services::load_as(&host, "second", limited).await;
    host.call("second/me").await.expect(200);
    host.call("second/me").await.expect(429);
    host.call("services/call/second/me").await.expect(200);
    assert_eq!(host.call("services/call/second/me").await.expect(429).code(), "endpoint_rate_limit");
}

#[tokio::test]
async fn all_schema_violations_of_a_body_are_reported_with_their_pointers() {
    let host =
        with_rules("validation: {required: [cat, owner], schema: schemas/cat.json}, max_body_bytes: 100000").await;
    let good = r#"{"cat": "Tom", "owner": null, "lives": 9}"#;
    assert_eq!(put(&host, "application/json; charset=utf-8", good).await.expect(200).text(), good);

    let answer = put(&host, "application/json", r#"{"cat": "T", "lives": 10.5, "all": [1, "x"]}"#).await.expect(422);
    assert_eq!(answer.code(), "endpoint_body_does_not_fit");
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    let pointers: Vec<_> = errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect();
    assert_eq!(pointers, ["/all/1", "/cat", "/lives", "/lives", "/owner"], "{errors:?}");
    assert!(answer.json()["detail"].as_str().unwrap().contains("and 2 more"), "{}", answer.text());
    assert!(errors.iter().all(|error| !error["message"].as_str().unwrap().is_empty()));
    // At most a hundred violations are reported.
    let many = (0..500).map(|_| json!("x")).collect::<Vec<Value>>();
    let answer = put(&host, "application/json", &json!({ "all": many }).to_string()).await.expect(422);
    assert_eq!(answer.json()["errors"].as_array().unwrap().len(), 100);

    for body in ["", "{", "{} {}", "nonsense"] {
        assert_eq!(put(&host, "application/json", body).await.expect(400).code(), "endpoint_body_not_json", "{body}");
    }
    assert_eq!(put(&host, "application/json", "[1]").await.expect(422).code(), "endpoint_body_does_not_fit");
    assert_eq!(put(&host, "text/plain", good).await.expect(415).code(), "endpoint_content_type");
    assert_eq!(put(&host, "application/json", &"x".repeat(100_001)).await.expect(413).code(), "body_too_large");

    // A chunked body is collected, and its size is limited.
    let client = host.anonymous();
    let mut call = client.connect().await;
    let head = "transfer-encoding: chunked\r\ncontent-type: application/json\r\n";
    call.send(format!("PUT {} HTTP/1.1\r\nhost: {}\r\n{head}\r\n", endpoint("echo/body"), client.address).as_bytes())
        .await;
    call.send_chunk(&good.as_bytes()[..10]).await;
    call.send_chunk(&good.as_bytes()[10..]).await;
    call.end().await;
    assert_eq!(call.head(false).await.status, 200);
    assert_eq!(call.rest().await, good.as_bytes());
    let mut call = client.connect().await;
    call.send(format!("PUT {} HTTP/1.1\r\nhost: {}\r\n{head}\r\n", endpoint("echo/body"), client.address).as_bytes())
        .await;
    for _ in 0..11 {
        call.send_chunk(&[b' '; 10_000]).await;
    }
    assert_eq!(call.head(false).await.status, 413);

    assert_eq!((refused(&host, "body").await, refused(&host, "content_type").await), (7.0, 1.0));
    assert_eq!(refused(&host, "body_too_large").await, 2.0);
    // A body without rules is still streamed.
    let mut call = client.begin("POST", &endpoint("echo/body")).await;
    assert_eq!(call.head(false).await.status, 200);
    call.send_chunk(b"one").await;
    assert_eq!(call.chunk().await.unwrap(), b"one");
}

#[tokio::test]
async fn other_content_types_are_rejected_and_only_json_is_validated() {
    let host = with_rules("validation: {content_type: [application/json, text/csv], required: [cat]}").await;
    put(&host, "text/csv", "a,b").await.expect(200);
    put(&host, "application/json", "{}").await.expect(422);
    put(&host, "application/json", r#"{"cat": 1}"#).await.expect(200);
    let answer = put(&host, "text/plain", "x").await.expect(415);
    assert!(
        answer.text().contains("the endpoint accepts application/json, text/csv, found `text/plain`"),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn large_bodies_are_checked_and_rejected_if_the_check_needs_too_many_steps() {
    let host = with_rules("validation: {schema: schemas/cat.json}, max_body_bytes: 16777216").await;
    let text = "x".repeat(15 << 20);
    let body = json!({ "cat": text, "all": (0..100_000).collect::<Vec<_>>() }).to_string();
    put(&host, "application/json", &body).await.expect(200);
    let body = json!({ "cat": "Tom", "all": (0..400_000).collect::<Vec<_>>() }).to_string();
    let answer = put(&host, "application/json", &body).await.expect(422);
    assert!(answer.text().contains("steps"), "{}", answer.text());
}

#[tokio::test]
async fn schemas_are_stored_with_the_artifact_and_invalid_ones_are_rejected() {
    let host = TestHost::start().await;
    let library = written(&host, "validation: {schema: schemas/cat.json}").await;
    host.try_load(&library).await.expect(200);
    put(&host, "application/json", r#"{"cat": 5}"#).await.expect(422);
    std::fs::remove_dir_all(library.with_file_name("schemas")).unwrap();
    let answer = host.try_load(&library).await.expect(422);
    assert_eq!(answer.code(), "build_schema_missing");
    assert!(
        answer.text().contains("`endpoints[2].validation.schema` of plugin.yaml is `schemas/cat.json`"),
        "{}",
        answer.text()
    );
    let outside = r#"{"properties": {"a": {"$ref": "https://example.org/x"}}}"#;
    std::fs::create_dir(library.with_file_name("schemas")).unwrap();
    std::fs::write(library.with_file_name("schemas").join("cat.json"), outside).unwrap();
    assert_eq!(host.try_load(&library).await.expect(422).code(), "build_schema_refused");

    // The previous version keeps serving, also after a restart.
    let host = host.restart().await;
    put(&host, "application/json", r#"{"cat": 5}"#).await.expect(422);
    put(&host, "application/json", r#"{"cat": "Tom"}"#).await.expect(200);
}

#[tokio::test]
async fn a_validated_body_must_arrive_within_the_deadline() {
    let host = with_rules("validation: {required: [cat]}, timeout_ms: 300").await;
    let client = host.anonymous();
    let mut call = client.connect().await;
    let head = "content-length: 100\r\ncontent-type: application/json\r\n";
    call.send(format!("PUT {} HTTP/1.1\r\nhost: {}\r\n{head}\r\n{{", endpoint("echo/body"), client.address).as_bytes())
        .await;
    assert_eq!(call.head(false).await.status, 408);
    assert_eq!(refused(&host, "body_timed_out").await, 1.0);
    let mut call = client.connect().await;
    let head = "transfer-encoding: chunked\r\ncontent-type: application/json\r\n";
    call.send(format!("PUT {} HTTP/1.1\r\nhost: {}\r\n{head}\r\n", endpoint("echo/body"), client.address).as_bytes())
        .await;
    call.send_chunk(b"{").await;
    assert_eq!(call.head(false).await.status, 408);
    assert_eq!(refused(&host, "body_timed_out").await, 2.0);
}

#[tokio::test]
async fn rejections_are_counted_by_reason() {
    let host = TestHost::start().await;
    host.load("services").await;
    let client = host.anonymous();
    client.get(&endpoint("services/nothing")).await.expect(404);
    client.get(&endpoint("services/kv/%2e%2e")).await.expect(400);
    client.request("DELETE", &endpoint("services/me")).send().await.expect(405);
    client.request("OPTIONS", &endpoint("services/me")).send().await.expect(204);
    client.get(&endpoint("services/guarded")).await.expect(401);
    host.call("services/call/services/guarded").await.expect(403);
    host.post("/api/plugins/services/disable").await.expect(200);
    client.get(&endpoint("services/me")).await.expect(503);
    for (reason, expected) in [("path", 2.0), ("method", 1.0), ("auth", 2.0), ("not_serving", 1.0), ("rate_limit", 0.0)]
    {
        let metric = format!(r#"plugin_host_endpoint_refused_total{{plugin="services",reason="{reason}"}}"#);
        assert_eq!(host.metric(&metric).await, expected, "{reason}");
    }
    assert!(host.metric(r#"plugin_host_auth_failures_total{reason="token"}"#).await >= 1.0);
}
