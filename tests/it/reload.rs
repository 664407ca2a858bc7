//! One version replaces another: no call is lost, and none is answered by a mixture.

use serde_json::{Value, json};

use crate::client::Connection;
use crate::host::{TestHost, endpoint, eventually};
use crate::plugins::{built, copy, source};

/// Begins a call of the plugin `slow` that lasts until its body ends, and waits until its handler runs.
pub(crate) async fn begin_slow_call(host: &TestHost, path: &str) -> Connection {
    let before = started(host).await;
    let mut call = host.anonymous().begin("POST", &endpoint(&format!("slow/{path}"))).await;
    call.send_chunk(b"the first part").await;
    eventually("the handler runs", || async { started(host).await > before }).await;
    call
}

async fn started(host: &TestHost) -> u32 {
    host.call("slow/started").await.expect(200).text().parse().unwrap()
}

fn generation(plugin: &Value, number: u64) -> Value {
    let all = plugin["generations"].as_array().unwrap();
    all.iter().find(|generation| generation["number"] == number).unwrap_or(&Value::Null).clone()
}

#[tokio::test]
async fn a_reload_lets_calls_in_flight_finish_where_they_began() {
    let host = TestHost::start().await;
    host.load("slow").await;
    let mut waiting = begin_slow_call(&host, "wait").await;
    let mut streaming = begin_slow_call(&host, "stream").await;
    assert_eq!(streaming.head(false).await.status, 200);
    assert_eq!(streaming.chunk().await.unwrap(), b"1\n");

    let reloaded = host.post("/api/plugins/slow/reload").await.expect(200).json();
    assert_eq!((&reloaded["generation_before"], &reloaded["generation"]), (&json!(1), &json!(2)));
    assert_eq!(host.call("slow/generation").await.expect(200).text(), "2");
    let old = generation(&host.plugin("slow").await, 1);
    assert_eq!((&old["phase"], &old["in_flight"]), (&json!("draining"), &json!(2)));
    assert!(!host.log().contains("generation 1 stops"), "stopped under its calls");

    waiting.send_chunk(b"the last part").await;
    waiting.end().await;
    assert_eq!(waiting.head(false).await.status, 200);
    assert_eq!(waiting.rest().await, b"1");
    streaming.end().await;
    assert_eq!(streaming.rest().await, b"1\n");
    assert!(streaming.is_whole());

    host.logged("generation 1 stops").await;
    eventually("the old generation has ended", || async {
        generation(&host.plugin("slow").await, 1)["phase"] == "unmapped"
    })
    .await;
    assert_eq!(host.call("slow/generation").await.expect(200).text(), "2");
}

#[tokio::test]
async fn calls_that_outlast_the_drain_are_cancelled_with_a_reason() {
    let host = TestHost::with(&["--drain-timeout-seconds", "1"]).await;
    host.load("slow").await;
    let mut waiting = begin_slow_call(&host, "wait").await;
    let mut streaming = begin_slow_call(&host, "stream").await;
    streaming.head(false).await;
    assert_eq!(streaming.chunk().await.unwrap(), b"1\n");

    host.post("/api/plugins/slow/reload").await.expect(200);
    let cut = waiting.head(false).await;
    assert_eq!((cut.status, cut.header("retry-after")), (503, Some("1")));
    assert!(String::from_utf8(waiting.rest().await).unwrap().contains("plugin_replaced"));
    assert_eq!(streaming.rest().await, b"");
    assert!(!streaming.is_whole(), "a caller must see that the answer is not whole");
    host.logged("generation 1 stops").await;
    assert_eq!(host.call("slow/generation").await.expect(200).text(), "2");
}

#[tokio::test]
async fn a_caller_who_stops_reading_keeps_the_bytes_of_a_replaced_generation_and_nothing_else() {
    let host = TestHost::with(&["--drain-timeout-seconds", "1"]).await;
    host.load("endless-stream").await;
    let mut stalled = host.anonymous().begin("GET", &endpoint("endless-stream/zeros")).await;
    assert_eq!(stalled.head(false).await.status, 200);
    // Nothing more is read: the buffers fill up, and the server no longer asks the plugin for bytes.
    host.post("/api/plugins/endless-stream/reload").await.expect(200);
    eventually("the old generation is kept by the bytes alone", || async {
        let generation = generation(&host.plugin("endless-stream").await, 1);
        let held_by = generation["held_by"].as_array().unwrap();
        let is_chunks = |text: &serde_json::Value| text.as_str().unwrap().contains("response chunk");
        generation["phase"] == "kept" && held_by.len() == 1 && held_by.iter().all(is_chunks)
    })
    .await;
    drop(stalled);
    eventually("the old generation is gone from memory", || async {
        generation(&host.plugin("endless-stream").await, 1)["phase"] == "unmapped"
    })
    .await;
}

#[tokio::test]
async fn a_reload_that_fails_anywhere_leaves_what_served() {
    let host = TestHost::start().await;
    let folder = host.sources().join("plugin");
    copy(&source("other-versions/v1"), &folder);
    host.try_load(&folder).await.expect(200);

    let reload = || async {
        let _turn = crate::plugins::any_turn_to_build().await;
        host.post("/api/plugins/other-versions/reload").await
    };
    let v1 = || async {
        assert_eq!(host.call("other-versions/version").await.expect(200).text(), "1.0.0");
        assert_eq!(host.call("other-versions/new").await.expect(404).code(), "endpoint_unknown");
        assert_eq!(host.plugin("other-versions").await["generation"], 1);
    };
    copy(&source("other-versions/v2"), &folder);
    let good = std::fs::read_to_string(folder.join("src/lib.rs")).unwrap();
    for (broken, code) in [
        (good.replace("fn version", "fn version ="), "build_failed"),
        (good.replace("#[get(\"/new\")]", "#[put(\"/new\")]"), "build_failed"),
        (
            good.replace("#[plugin]", "#[plugin(manifest = false)]").replace("#[get(\"/new\")]", "#[put(\"/new\")]"),
            "load_code_differs",
        ),
        (good.replace("export!(Plugin);", ""), "load_not_a_plugin"),
    ] {
        std::fs::write(folder.join("src/lib.rs"), broken).unwrap();
        assert_eq!(reload().await.expect(422).code(), code);
        v1().await;
    }
    std::fs::rename(&folder, host.sources().join("away")).unwrap();
    assert_eq!(reload().await.expect(422).code(), "fetch_nothing_there");
    v1().await;
    std::fs::rename(host.sources().join("away"), &folder).unwrap();

    std::fs::write(folder.join("src/lib.rs"), good).unwrap();
    reload().await.expect(200);
    assert_eq!(host.call("other-versions/version").await.expect(200).text(), "2.0.0");
    assert_eq!(host.call("other-versions/new").await.expect(200).text(), "2.0.0");
    let plugin = host.plugin("other-versions").await;
    assert_eq!((&plugin["Version"], &plugin["last_error"]), (&json!("2.0.0"), &Value::Null));
}

#[tokio::test]
async fn a_new_version_replaces_the_old_one_under_traffic_without_a_lost_request() {
    let host = TestHost::start().await;
    let versions = [built("other-versions/v1").await, built("other-versions/v2").await];
    host.try_load(&versions[0]).await.expect(200);

    let stop = tokio_util::sync::CancellationToken::new();
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (client, stop) = (host.anonymous(), stop.clone());
            tokio::spawn(async move {
                let mut counts = [0_u32; 2];
                while !stop.is_cancelled() {
                    match client.get(&endpoint("other-versions/version")).await.expect(200).text().as_str() {
                        "1.0.0" => counts[0] += 1,
                        "2.0.0" => counts[1] += 1,
                        other => panic!("{other}"),
                    }
                }
                counts
            })
        })
        .collect();
    for round in 0..20 {
        let version = (round + 1) % 2;
        host.try_load(&versions[version]).await.expect(200);
        let now = host.call("other-versions/version").await.expect(200).text();
        assert_eq!(now, ["1.0.0", "2.0.0"][version], "a call after the load is answered by what was loaded");
    }
    stop.cancel();
    let mut counts = [0; 2];
    for caller in callers {
        let of_one = caller.await.unwrap();
        (counts[0], counts[1]) = (counts[0] + of_one[0], counts[1] + of_one[1]);
    }
    assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
    eventually("only the newest generation is left", || async {
        let plugin = host.plugin("other-versions").await;
        plugin["generations"].as_array().unwrap().iter().filter(|generation| generation["phase"] != "unmapped").count()
            == 1
    })
    .await;
    eventually("no call is in flight", async || {
        host.metric(r#"plugin_host_in_flight_requests{plugin="other-versions"}"#).await == 0.0
    })
    .await;
}
