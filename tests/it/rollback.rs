//! Back to an earlier version: because the operator wants it, or because the new one does badly.

use serde_json::{Value, json};

use crate::host::{TestHost, endpoint, eventually};
use crate::plugins::as_version;

/// Loads version after version of one plugin.
async fn load(host: &TestHost, name: &str, id: &str, versions: &[&str]) {
    for version in versions {
        host.try_load(&as_version(host, name, id, version).await).await.expect(200);
    }
}

async fn kept(host: &TestHost, id: &str) -> Vec<String> {
    let plugin = host.plugin(id).await;
    let kept = plugin["kept"].as_array().unwrap().iter();
    kept.map(|version| version["version"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_operator_goes_back_to_a_version_that_was_kept() {
    let host = TestHost::with(&["--max-kept-versions", "2"]).await;
    load(&host, "hello", "hello", &["1.0.0"]).await;
    let nothing = host.post("/api/plugins/hello/rollback").await.expect(409);
    assert_eq!(nothing.code(), "run_nothing_kept");
    load(&host, "hello", "hello", &["1.1.0", "1.2.0", "2.0.0"]).await;
    assert_eq!(kept(&host, "hello").await, ["1.2.0", "1.1.0"]);

    let back = host.post("/api/plugins/hello/rollback?reason=it+is+slow").await.expect(200).json();
    assert_eq!(
        (&back["version"], &back["generation_before"], &back["generation"]),
        (&json!("1.2.0"), &json!(4), &json!(5))
    );
    assert_eq!(back["message"], "plugin hello was rolled back to 1.2.0, which serves as generation 5");
    assert_eq!(back["reason"], Value::Null, "it was asked for");
    assert!(back["steps"].to_string().contains("swap"), "{back}");
    host.call("hello/hello").await.expect(200);
    assert_eq!(kept(&host, "hello").await, ["2.0.0", "1.1.0"]);

    let missing = host.post_json("/api/plugins/hello/rollback", &json!({ "to": "1.0.0" })).await.expect(409);
    assert_eq!(missing.code(), "run_nothing_kept");
    assert!(missing.text().contains("stored versions: 2.0.0, 1.1.0"), "{}", missing.text());
    host.post_json("/api/plugins/hello/rollback", &json!({ "to": "v1.1.0" })).await.expect(200);
    assert_eq!(host.metric("plugin_host_rollbacks_total{cause=\"operator\"}").await, 2.0);
    let plugin = host.plugin("hello").await;
    assert_eq!((&plugin["Version"], &plugin["update"]["blocked"]), (&json!("1.1.0"), &json!([])));

    let host = host.restart().await;
    assert_eq!(host.plugin("hello").await["Version"], "1.1.0");
    assert_eq!(kept(&host, "hello").await, ["1.2.0", "2.0.0"]);
    let output = host.command(&["rollback", "hello", "--to", "2.0.0", "--reason", "it is fast now"]).await;
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    assert!(stdout.starts_with("plugin hello was rolled back to 2.0.0"), "{stdout}");
    assert!(stdout.contains("served ") && stdout.contains("steps ") && stdout.contains("commit"), "{stdout}");
    let newest = host.get("/api/plugins/hello/revisions?limit=1").await.json()["revisions"][0].clone();
    assert_eq!((&newest["operation"], &newest["reason"]), (&json!("rollback"), &json!("it is fast now")));
}

#[tokio::test]
async fn a_new_version_with_failing_probes_is_rolled_back_and_blocked() {
    let host = TestHost::start().await;
    load(&host, "health-fails", "moody", &["1.0.0", "1.1.0"]).await;
    host.anonymous().post(&endpoint("moody/break")).await.expect(204);
    went_back(&host, "its health probes failed: no disk").await;
    // The version before is judged by nobody, so a failure of its own leads nowhere further back.
    assert_eq!(host.plugin("moody").await["generation"], 3);
}

#[tokio::test]
async fn a_new_version_with_failing_responses_is_rolled_back_and_blocked() {
    let host = TestHost::with(&["--probation-min-requests", "4", "--probation-max-error-percent", "60"]).await;
    load(&host, "panics-on-call", "moody", &["1.0.0"]).await;
    for _ in 0..8 {
        host.call("moody/handler").await.expect(500);
    }
    load(&host, "panics-on-call", "moody", &["1.1.0"]).await;
    host.call("moody/fine").await.expect(200);
    for _ in 0..3 {
        host.call("moody/handler").await.expect(500);
    }
    went_back(&host, "3 of its first 4 responses failed").await;
    host.logged("the handler panics").await;
}

/// Waits until `moody` is back at 1.0.0, and looks at all places that say so and why.
async fn went_back(host: &TestHost, reason: &str) {
    eventually("it is back", || async { host.plugin("moody").await["Version"] == "1.0.0" }).await;
    let plugin = host.plugin("moody").await;
    assert_eq!((&plugin["state"], &plugin["quarantine"]), (&json!("running"), &Value::Null));
    assert_eq!(plugin["update"]["blocked"], json!(["1.1.0"]));
    assert_eq!(kept(host, "moody").await, ["1.1.0"]);

    let jobs = host.get("/api/jobs?plugin=moody&operation=rollback").await.json()["jobs"].clone();
    assert_eq!(jobs.as_array().unwrap().len(), 1, "{jobs}");
    eventually("its job has ended", || async {
        host.get(&format!("/api/jobs/{}", jobs[0]["id"].as_str().unwrap())).await.json()["state"] == "done"
    })
    .await;
    let job = host.get(&format!("/api/jobs/{}", jobs[0]["id"].as_str().unwrap())).await.json();
    assert_eq!((&job["actor"], &job["result"]["reason"]), (&json!("host"), &json!(reason)));
    assert_eq!((&job["result"]["generation_before"], &job["result"]["version"]), (&json!(2), &json!("1.0.0")));
    let told = host.get("/api/audit?actor=host&object=moody&action=job_rollback").await.expect(200).json();
    let told: Vec<_> = told["entries"].as_array().unwrap().iter().map(|entry| &entry["outcome"]).collect();
    assert_eq!(told, [&json!("done")]);
    let revision = host.get("/api/plugins/moody/revisions?limit=1").await.json()["revisions"][0].clone();
    assert_eq!(
        (&revision["actor"], &revision["operation"], &revision["reason"]),
        (&json!("host"), &json!("rollback"), &json!(reason))
    );
    let request = host.request("GET", "/api/events?plugin=moody&kind=rollback").header("accept", "application/json");
    let message = format!("the host rolled back from 1.1.0 to 1.0.0 as generation 3: {reason}");
    eventually("it is an event", || async {
        request.clone().send().await.expect(200).json()["events"][0]["message"] == json!(message)
    })
    .await;
    let log = host.get("/api/plugins/moody/logs").await.text();
    assert!(log.contains(&format!("rolled back to the previous version: {reason}")), "{log}");
    assert_eq!(host.metric("plugin_host_rollbacks_total{cause=\"automatic\"}").await, 1.0);
}
