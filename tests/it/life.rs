//! Disabling, enabling and unloading: a plugin's routes disappear and return immediately.

use serde_json::{Value, json};

use crate::host::{TestHost, eventually};
use crate::reload::begin_slow_call;

#[tokio::test]
async fn a_disabled_plugin_answers_503_until_it_is_enabled() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let disabled = host.post("/api/plugins/hello/disable").await.expect(200).json();
    assert_eq!((&disabled["generation_before"], &disabled["generation"]), (&json!(1), &Value::Null));
    let refused = host.call("hello/hello").await.expect(503);
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("plugin_not_serving", Some("1")));
    let plugin = host.plugin("hello").await;
    assert_eq!((&plugin["enabled"], &plugin["status"]["status"]), (&json!(false), &json!("disabled")));
    assert_eq!(host.get("/api/plugins").await.json()["count"], 1);
    host.post("/api/plugins/hello/disable").await.expect(200);
    assert_eq!(host.post("/api/plugins/hello/reload").await.expect(409).code(), "run_disabled");

    host.post("/api/plugins/hello/enable").await.expect(200);
    host.post("/api/plugins/hello/stop").await.expect(200);
    let started = host.post("/api/plugins/hello/reload").await.expect(200).json();
    assert!(started["warnings"].to_string().contains("the plugin was stopped; the reload has started it"), "{started}");
    assert_eq!(started["cached"], Value::Null, "a prebuilt library is not built");
    host.post("/api/plugins/hello/disable").await.expect(200);

    let enabled = host.post("/api/plugins/hello/enable").await.expect(200).json();
    assert_eq!((&enabled["generation"], &enabled["cached"]), (&json!(4), &Value::Null));
    host.call("hello/hello").await.expect(200);
    let again = host.post("/api/plugins/hello/enable").await.expect(200).json();
    assert_eq!(again["generation"], 4, "what serves is not disturbed");
    assert_eq!(host.plugin("hello").await["status"]["status"], "enabled");
}

#[tokio::test]
async fn an_unloaded_plugin_is_removed_and_its_generation_numbers_are_not_reused() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let unloaded = host.delete("/api/plugins/hello").await.expect(200).json();
    assert_eq!((&unloaded["id"], &unloaded["generation"]), (&json!("hello"), &Value::Null));
    assert_eq!(host.call("hello/hello").await.expect(404).code(), "plugin_unknown");
    assert_eq!(host.get("/api/plugins").await.json(), json!({ "count": 0, "total": 0, "plugins": {} }));
    let metrics = host.get("/metrics").await.text();
    assert!(!metrics.contains(r#"plugin="hello""#), "{metrics}");
    assert_eq!(host.load("hello").await.json()["generation"], 2);
    host.call("hello/hello").await.expect(200);
}

#[tokio::test]
async fn a_missing_plugin_is_not_found() {
    let host = TestHost::start().await;
    for (method, path) in [
        ("GET", "nothing"),
        ("DELETE", "nothing"),
        ("GET", "nothing/status"),
        ("GET", "nothing/logs"),
        ("POST", "nothing/reload"),
        ("POST", "nothing/enable"),
        ("POST", "nothing/disable"),
    ] {
        let answer = host.request(method, &format!("/api/plugins/{path}")).send().await.expect(404);
        assert_eq!(answer.code(), "run_unknown_plugin", "{method} {path}");
    }
}

#[tokio::test]
async fn calls_in_flight_complete_when_their_plugin_is_disabled_or_unloaded() {
    let host = TestHost::start().await;
    host.load("slow").await;
    let mut first = begin_slow_call(&host, "wait").await;
    host.post("/api/plugins/slow/disable").await.expect(200);
    host.call("slow/generation").await.expect(503);
    assert_eq!(host.plugin("slow").await["phase"], "draining");
    first.end().await;
    assert_eq!((first.head(false).await.status, first.rest().await), (200, b"1".to_vec()));
    eventually("the plugin has stopped", || async { host.plugin("slow").await["phase"] == "stopped" }).await;
    host.post("/api/plugins/slow/enable").await.expect(200);

    let mut second = begin_slow_call(&host, "wait").await;
    host.delete("/api/plugins/slow").await.expect(200);
    host.call("slow/generation").await.expect(404);
    second.end().await;
    assert_eq!((second.head(false).await.status, second.rest().await), (200, b"2".to_vec()));
    host.logged("generation 2 of `slow` has ended").await;
}

#[tokio::test]
async fn a_plugin_that_never_stops_does_not_block_others() {
    let host = TestHost::with(&["--stop-timeout-seconds", "1"]).await;
    host.load("never-stops").await;
    host.load("never-stops").await;
    host.call("never-stops/hello").await.expect(200);
    host.logged("the stop hook of `never-stops` failed: the plugin did not respond within 1 s").await;
    host.delete("/api/plugins/never-stops").await.expect(200);
    host.call("never-stops/hello").await.expect(404);
    host.load("hello").await;
    host.call("hello/hello").await.expect(200);
}

#[tokio::test]
async fn the_descriptive_keys_of_plugin_yaml_are_shown() {
    let host = TestHost::start().await;
    let folder = host.sources().join("described");
    crate::plugins::copy(crate::plugins::built("hello").await.parent().unwrap(), &folder);
    let keys = json!({
        "homepage": "https://example.com/",
        "repository": "https://example.com/code",
        "documentation": "https://example.com/docs",
        "issues": "https://example.com/issues",
        "category": "samples",
        "tags": ["one", "two"],
    });
    let yaml = folder.join("plugin.yaml");
    let mut text = std::fs::read_to_string(&yaml).unwrap();
    text.extend(keys.as_object().unwrap().iter().map(|(key, value)| format!("{key}: {value}\n")));
    std::fs::write(&yaml, text).unwrap();
    host.try_load(&folder.join("library.so")).await.expect(200);
    let plugin = host.plugin("hello").await;
    let shown = host.command(&["show", "hello"]).await;
    let shown = String::from_utf8(shown.stdout).unwrap();
    for (key, value) in keys.as_object().unwrap() {
        assert_eq!(plugin["metadata"][key], *value);
        let value = value.as_str().map_or("one, two".to_owned(), str::to_owned);
        assert!(
            shown.lines().any(|line| line.split_whitespace().next() == Some(key) && line.ends_with(&value)),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn an_unload_that_keeps_data_keeps_the_configuration() {
    let host = TestHost::start().await;
    let library = crate::plugins::built("counter").await;
    let load = async || host.post_json("/api/plugins/load", &json!({ "source": library })).await.expect(200).json();
    let set = async || host.get("/api/plugins/counter/config").await.expect(200).json()["set"].clone();
    host.try_load_with(&library, json!({ "step": 5 })).await.expect(200);

    host.delete("/api/plugins/counter?keep_data=true").await.expect(200);
    load().await;
    assert_eq!(set().await, json!({ "step": 5 }));
    host.delete("/api/plugins/counter?keep_data=true").await.expect(200);
    host.try_load_with(&library, json!({ "step": 6 })).await.expect(200);
    assert_eq!(set().await, json!({ "step": 6 }));
    host.delete("/api/plugins/counter").await.expect(200);
    load().await;
    assert_eq!(set().await, json!({}));
}
