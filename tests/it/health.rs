//! What probes say of a plugin, and that an unwell one still serves.

use serde_json::{Value, json};

use crate::host::{TestHost, endpoint, eventually};

async fn health(host: &TestHost, id: &str) -> Value {
    let summary = host.get("/api/plugins/health/summary").await.expect(200).json();
    summary["plugins"].as_array().unwrap().iter().find(|plugin| plugin["id"] == id).unwrap().clone()
}

#[tokio::test]
async fn a_plugin_that_fails_its_probes_becomes_unhealthy_and_recovers() {
    let host = TestHost::start().await;
    let cases = [
        ("health-fails", "no disk"),
        ("health-panics", "no pulse at src/lib.rs:"),
        ("health-hangs", "did not answer in time"),
    ];
    for (name, _) in cases {
        host.load(name).await;
        assert_eq!(health(&host, name).await["health"], "healthy");
        host.anonymous().post(&endpoint(&format!("{name}/break"))).await.expect(204);
    }
    host.load("hello").await;
    for (name, problem) in cases {
        eventually("it is unhealthy", || async { health(&host, name).await["health"] == "unhealthy" }).await;
        let report = health(&host, name).await;
        assert!(report["failures_in_a_row"].as_u64().unwrap() >= 2, "{report}");
        let status = host.get(&format!("/api/plugins/{name}/status")).await.expect(200).json()["status"].clone();
        assert_eq!(status["health"], "unhealthy");
        assert!(status["errors"].to_string().contains(problem), "`{problem}` is not in {status}");
        assert_eq!(host.plugin(name).await["phase"], "degraded");
    }
    let totals = host.get("/api/plugins/health/summary").await.json()["health_summary"].clone();
    assert_eq!((&totals["unhealthy"], &totals["healthy"]), (&json!(3), &json!(1)));
    assert_eq!(totals["overall_health"], "unhealthy");
    host.get("/health/live").await.expect(200);
    host.get("/health/ready").await.expect(200);

    for (name, _) in cases {
        host.anonymous().post(&endpoint(&format!("{name}/mend"))).await.expect(204);
        eventually("it is healthy", || async { health(&host, name).await["health"] == "healthy" }).await;
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
