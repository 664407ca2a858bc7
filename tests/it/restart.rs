//! What was asked for is there again after a restart: nothing more, nothing less.

use serde_json::json;

use crate::host::{TestHost, eventually};
use crate::plugins::built;

#[tokio::test]
async fn the_desired_state_is_restored_after_a_restart() {
    let host = TestHost::start().await;
    for name in ["hello", "counter", "slow", "echo", "panics-on-call"] {
        host.load(name).await;
    }
    let library = built("counter").await;
    host.try_load_with(&library, json!({ "step": 5 })).await.expect(200);
    host.post("/api/plugins/slow/disable").await.expect(200);
    host.post("/api/plugins/echo/stop").await.expect(200);
    host.delete("/api/plugins/panics-on-call").await.expect(200);

    let host = host.restart().await;
    host.call("hello/hello").await.expect(200);
    let counted = host.anonymous().post("/api/plugin-endpoints/counter/count").await.expect(200).json();
    assert_eq!(counted, json!({ "count": 5, "generation": 1 }));
    for (id, phase, goal, enabled) in [("slow", "stopped", "disabled", false), ("echo", "stopped", "stopped", true)] {
        let plugin = host.plugin(id).await;
        assert_eq!(
            (&plugin["phase"], &plugin["goal"], &plugin["enabled"]),
            (&json!(phase), &json!(goal), &json!(enabled))
        );
        assert_eq!(host.call(&format!("{id}/started")).await.expect(503).code(), "plugin_not_serving");
    }
    assert_eq!(host.call("panics-on-call/handler").await.expect(404).code(), "plugin_unknown");
    assert_eq!(host.get("/api/plugins").await.json()["count"], 4);

    host.post("/api/plugins/slow/enable").await.expect(200);
    host.post("/api/plugins/echo/start").await.expect(200);
    let host = host.restart().await;
    assert_eq!(host.plugin("slow").await["phase"], "running");
    assert_eq!(host.plugin("echo").await["phase"], "running");
}

#[tokio::test]
async fn a_plugin_that_is_only_installed_does_not_serve_until_it_is_enabled() {
    let host = TestHost::start().await;
    let body = json!({ "source": built("hello").await, "start": false });
    let installed = host.post_json("/api/plugins/load", &body).await.expect(200).json();
    assert_eq!(installed["generation"], json!(null));
    let host = host.restart().await;
    let plugin = host.plugin("hello").await;
    assert_eq!(
        (&plugin["goal"], &plugin["phase"], &plugin["enabled"]),
        (&json!("installed"), &json!("stopped"), &json!(false))
    );
    host.call("hello/hello").await.expect(503);
    host.post("/api/plugins/hello/enable").await.expect(200);
    host.call("hello/hello").await.expect(200);
}

#[tokio::test]
async fn a_plugin_that_can_not_be_started_stops_no_other_and_is_tried_again() {
    let host = TestHost::start().await;
    host.load("hello").await;
    host.load("hooks").await;
    let toml = host.sources().join("host.toml");
    let flags = ["--config", toml.to_str().unwrap()];
    std::fs::write(&toml, "[configuration.hooks]\nfails = \"start\"\n").unwrap();
    let host = host.restart_with(&flags).await;
    host.call("hello/hello").await.expect(200);
    let plugin = host.plugin("hooks").await;
    assert_eq!((&plugin["phase"], &plugin["goal"]), (&json!("failed"), &json!("running")));
    assert_eq!(plugin["last_error"]["code"], "load_start_failed");
    assert_eq!(host.call("hooks/settings").await.expect(503).code(), "plugin_not_serving");
    eventually("it is tried again", || async {
        host.plugin("hooks").await["failures_in_a_row"].as_u64().unwrap() >= 2
    })
    .await;
    // The operator may try at once, and is told why it does not go.
    assert_eq!(host.post("/api/plugins/hooks/restart").await.expect(422).code(), "load_start_failed");
    std::fs::write(&toml, "").unwrap();
    let host = host.restart_with(&flags).await;
    assert_eq!(host.plugin("hooks").await["phase"], "running");
}
