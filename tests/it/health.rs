//! Health probes, and how the host treats unhealthy plugins.

use serde_json::{Value, json};

use crate::host::{TestHost, endpoint, eventually};
use crate::plugins::as_version;

const BROKEN: [(&str, &str); 3] = [
    ("health-fails", "no disk"),
    ("health-panics", "no pulse at src/lib.rs:"),
    ("health-hangs", "did not respond in time"),
];

async fn health(host: &TestHost, id: &str) -> Value {
    let summary = host.get("/api/plugins/health/summary").await.expect(200).json();
    summary["plugins"].as_array().unwrap().iter().find(|plugin| plugin["id"] == id).unwrap().clone()
}

#[tokio::test]
async fn calls_of_an_unhealthy_plugin_are_refused_until_a_probe_passes() {
    // Nothing is replaced while this test looks.
    let host = TestHost::with(&["--retry-first-wait-ms", "3600000", "--retry-max-wait-ms", "3600000"]).await;
    for (name, _) in BROKEN {
        host.load(name).await;
        let report = health(&host, name).await;
        assert_eq!((&report["health"], &report["circuit"]), (&json!("healthy"), &json!("closed")));
        host.anonymous().post(&endpoint(&format!("{name}/break"))).await.expect(204);
    }
    host.load("hello").await;
    let falters = as_version(&host, "health-fails", "falters", "1.0.0").await;
    host.try_load(&falters).await.expect(200);
    for (name, problem) in BROKEN {
        eventually("its circuit is open", || async { health(&host, name).await["circuit"] == "open" }).await;
        let report = health(&host, name).await;
        assert_eq!((&report["health"], &report["quarantine"]), (&json!("unhealthy"), &Value::Null));
        assert!(report["failures_in_a_row"].as_u64().unwrap() >= 2, "{report}");
        let refused = host.anonymous().post(&endpoint(&format!("{name}/mend"))).await.expect(503);
        assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("plugin_unhealthy", Some("1")));
        let status = host.get(&format!("/api/plugins/{name}/status")).await.expect(200).json()["status"].clone();
        assert_eq!(status["health"], "unhealthy");
        assert!(status["errors"].to_string().contains(problem), "`{problem}` is not in {status}");
        let plugin = host.plugin(name).await;
        assert_eq!((&plugin["phase"], &plugin["failures_in_a_row"]), (&json!("degraded"), &json!(1)));
        assert_eq!(host.metric(&format!("plugin_host_circuit_open{{plugin=\"{name}\"}}")).await, 1.0);
    }
    let totals = host.get("/api/plugins/health/summary").await.json()["health_summary"].clone();
    assert_eq!((&totals["unhealthy"], &totals["healthy"]), (&json!(3), &json!(2)));
    assert_eq!(totals["overall_health"], "unhealthy");
    host.get("/health/live").await.expect(200);
    host.get("/health/ready").await.expect(200);
    host.call("hello/hello").await.expect(200);

    // By itself, when a probe passes.
    host.anonymous().post(&endpoint("falters/falter/3")).await.expect(204);
    host.logged("the circuit of plugin `falters` is open").await;
    host.logged("the circuit of plugin `falters` is closed").await;
    host.anonymous().post(&endpoint("falters/mend")).await.expect(204);
    assert_eq!(host.plugin("falters").await["generation"], 1);

    // By the operator, who does not wait.
    host.post("/api/plugins/health-fails/restart").await.expect(200);
    assert_eq!(health(&host, "health-fails").await["circuit"], "closed");
    host.anonymous().post(&endpoint("health-fails/mend")).await.expect(204);
    assert_eq!(host.metric("plugin_host_circuit_open{plugin=\"health-fails\"}").await, 0.0);
}

#[tokio::test]
async fn an_unhealthy_plugin_comes_back_by_itself_as_a_new_generation() {
    let host = TestHost::with(&["--retry-first-wait-ms", "10"]).await;
    for (name, _) in BROKEN {
        host.load(name).await;
        host.anonymous().post(&endpoint(&format!("{name}/break"))).await.expect(204);
    }
    for (name, _) in BROKEN {
        eventually("it was replaced", || async { host.plugin(name).await["generation"] == 2 }).await;
        eventually("it is well", || async { host.plugin(name).await["failures_in_a_row"] == 0 }).await;
        let report = health(&host, name).await;
        assert_eq!((&report["health"], &report["circuit"]), (&json!("healthy"), &json!("closed")));
        host.anonymous().post(&endpoint(&format!("{name}/mend"))).await.expect(204);
        assert_eq!(host.get(&format!("/api/plugins/{name}/status")).await.json()["status"]["errors"], json!([]));
    }
}

#[tokio::test]
async fn a_plugin_that_panicked_on_a_call_is_degraded_until_a_probe_passes() {
    let host = TestHost::start().await;
    let folder = host.sources().join("plugin");
    crate::plugins::copy(crate::plugins::built("panics-on-call").await.parent().unwrap(), &folder);
    let yaml = std::fs::read_to_string(folder.join("plugin.yaml")).unwrap();
    std::fs::write(folder.join("plugin.yaml"), format!("{yaml}\nhealth: {{interval_seconds: 1}}\n")).unwrap();
    host.try_load(&folder.join("library.so")).await.expect(200);
    host.call("panics-on-call/handler").await.expect(500);
    host.logged("the handler panics").await;
    eventually("it is healthy", || async { health(&host, "panics-on-call").await["health"] == "healthy" }).await;
}
