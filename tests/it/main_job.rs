//! The reason for all the rest: a folder becomes an endpoint, and everything about it can be seen.

use serde_json::{Value, json};

use crate::host::TestHost;
use crate::plugins::source;

#[tokio::test]
async fn a_folder_becomes_endpoints_and_the_same_source_again_starts_no_build() {
    let host = TestHost::start().await;
    let first = host.try_load(&source("hello")).await.expect(200).json();
    assert_eq!((&first["id"], &first["version"]), (&json!("hello"), &json!("1.0.0")));
    assert_eq!((&first["generation_before"], &first["generation"]), (&Value::Null, &json!(1)));
    assert_eq!(first["cached"], false);
    let steps: Vec<_> = first["steps"].as_array().unwrap().iter().map(|step| step["step"].clone()).collect();
    assert_eq!(steps, ["fetch", "check", "build", "trial", "open", "start", "probe", "commit", "swap"]);

    assert_eq!(host.call("hello/hello").await.expect(200).json(), json!({ "message": "Hello from plugin!" }));
    assert_eq!(host.call("hello/hello/World").await.expect(200).json(), json!({ "message": "Hello, World!" }));
    let echo = host.anonymous().post_json("/api/plugin-endpoints/hello/echo", &json!({ "a": [1, 2] })).await;
    assert_eq!(echo.expect(200).json(), json!({ "a": [1, 2] }));

    let built = r#"plugin_host_builds_total{outcome="built"}"#;
    assert_eq!(host.metric(built).await, 1.0);
    let again = host.try_load(&source("hello")).await.expect(200).json();
    assert_eq!((&again["generation_before"], &again["generation"]), (&json!(1), &json!(2)));
    assert_eq!(again["cached"], true);
    assert_eq!(host.metric(built).await, 1.0);
    assert_eq!(host.metric(r#"plugin_host_builds_total{outcome="cached"}"#).await, 1.0);
    host.call("hello/hello").await.expect(200);
}

#[tokio::test]
async fn the_configuration_of_a_load_reaches_the_plugin_over_the_defaults() {
    let host = TestHost::start().await;
    let library = crate::plugins::built("counter").await;
    host.try_load_with(&library, json!({ "step": 5 })).await.expect(200);
    let client = host.anonymous();
    let add = || client.post("/api/plugin-endpoints/counter/count");
    assert_eq!(add().await.expect(200).json(), json!({ "count": 5, "generation": 1 }));
    assert_eq!(add().await.expect(200).json(), json!({ "count": 10, "generation": 1 }));

    let refused = host.try_load_with(&library, json!({ "step": "many" })).await.expect(422);
    assert_eq!(refused.code(), "load_start_failed");
    assert!(refused.text().contains("configuration.step: invalid type"), "{}", refused.text());
    assert_eq!(add().await.expect(200).json(), json!({ "count": 15, "generation": 1 }));

    host.logged("counting from 0 in steps of 5").await;
    let lines = host.get("/api/plugins/counter/logs").await.expect(200).json();
    assert!(lines.to_string().contains("counting from 0 in steps of 5"), "{lines}");
}

#[tokio::test]
async fn everything_about_a_plugin_is_shown_and_counted() {
    let host = TestHost::start().await;
    assert_eq!(host.get("/api/plugins").await.expect(200).json(), json!({ "count": 0, "total": 0, "plugins": {} }));
    host.load("hello").await;
    host.call("hello/hello").await.expect(200);
    host.call("hello/hello/you").await.expect(200);

    for path in ["/api/plugins", "/api/plugins/"] {
        let list = host.get(path).await.expect(200).json();
        assert_eq!(list["count"], 1);
        let item = &list["plugins"]["hello"];
        assert_eq!((&item["ID"], &item["metadata"]["id"]), (&json!("hello"), &json!("hello")));
        assert_eq!((&item["Version"], &item["Author"]), (&json!("1.0.0"), &json!("Plugin Host")));
        assert_eq!(item["Endpoints"][1]["path"], "/hello/:name");
        assert_eq!((&item["status"]["status"], &item["status"]["health"]), (&json!("enabled"), &json!("healthy")));
        assert_eq!(
            (&item["enabled"], &item["phase"], &item["generation"]),
            (&json!(true), &json!("running"), &json!(1))
        );
        assert!(item["file_path"].as_str().is_some_and(|path| !path.is_empty()));
        for empty in ["Permissions", "Dependencies", "warnings"] {
            assert_eq!(item[empty], json!([]), "{empty}");
        }
    }

    let plugin = host.plugin("hello").await;
    assert_eq!(plugin["plugin"]["routes"][0]["path"], "/api/plugin-endpoints/hello/hello");
    assert_eq!(plugin["plugin"]["status"]["request_count"], 2);
    assert_eq!(plugin["plugin"]["metadata"], plugin["metadata"]);

    let status = host.get("/api/plugins/hello/status").await.expect(200).json();
    assert_eq!((&status["plugin_id"], &status["status"]["state"]), (&json!("hello"), &json!("loaded")));
    assert_eq!((&status["status"]["request_count"], &status["status"]["errors"]), (&json!(2), &json!([])));
    assert!(status["status"]["uptime"].as_str().unwrap().ends_with('s'), "{status}");

    let summary = host.get("/api/plugins/health/summary").await.expect(200).json();
    assert_eq!(summary["health_summary"]["overall_health"], "healthy");
    assert_eq!(summary["health_summary"]["total_plugins"], 1);

    let metrics = host.get("/api/plugins/system/metrics").await.expect(200).json()["metrics"].clone();
    assert_eq!((&metrics["total_plugins"], &metrics["total_routes"]), (&json!(1), &json!(3)));
    assert_eq!((&metrics["total_requests"], &metrics["total_errors"]), (&json!(2), &json!(0)));
    assert!(metrics["build_cache_size"].as_u64().unwrap() > 0 && metrics["manager_uptime"].as_f64().unwrap() > 0.0);

    assert_eq!(host.metric(r#"plugin_host_requests_total{endpoint="GET /hello",plugin="hello"}"#).await, 1.0);
    assert_eq!(host.metric(r#"plugin_host_generation{plugin="hello"}"#).await, 1.0);
    assert_eq!(host.metric(r#"plugin_host_operations_total{operation="load",outcome="done"}"#).await, 1.0);
}

#[tokio::test]
async fn a_load_can_be_watched_as_a_job() {
    let host = TestHost::start().await;
    let folder = source("hello");
    let turn = crate::plugins::turn_to_build(&folder).await;
    let body = json!({ "source": folder });
    let accepted = host.request("POST", "/api/plugins/load").header("prefer", "respond-async").json(&body).send().await;
    let accepted = accepted.expect(202);
    let place = accepted.header("location").unwrap().to_owned();
    assert_eq!(place, format!("/api/jobs/{}", accepted.json()["id"].as_str().unwrap()));

    let log = host.get(&format!("{place}/log?follow=true")).await.expect(200).text();
    drop(turn);
    assert!(log.contains("fetching ") && log.contains("Compiling hello v1.0.0"), "{log}");
    let job = host.get(&place).await.expect(200).json();
    assert_eq!((&job["state"], &job["operation"]), (&json!("done"), &json!("load")));
    assert_eq!((&job["result"]["id"], &job["problem"]), (&json!("hello"), &Value::Null));
    assert_eq!(host.get("/api/jobs").await.expect(200).json()["jobs"][0], job);
    host.call("hello/hello").await.expect(200);
    assert_eq!(host.get("/api/jobs/job_0").await.expect(404).code(), "job_unknown");
}

#[tokio::test]
async fn sources_of_the_command_line_are_loaded_before_the_host_is_ready() {
    let hello = crate::plugins::built("hello").await;
    let counter = crate::plugins::built("counter").await;
    let host = TestHost::options()
        .flags(&["--load", hello.to_str().unwrap()])
        .variable("AUTO_LOAD_PLUGINS", counter.to_str().unwrap())
        .start()
        .await;
    host.call("hello/hello").await.expect(200);
    host.call("counter/count").await.expect(200);
}

#[tokio::test]
async fn a_plugin_yaml_of_an_older_system_loads_with_warnings() {
    let host = TestHost::start().await;
    let asked = host.load("old-style").await.json();
    assert_eq!(asked["version"], "1.2.3");
    let warnings = asked["warnings"].to_string();
    for key in
        ["module", "go_version", "config", "ui_components", "capabilities", "features", "compatibility.ui_version"]
    {
        assert!(warnings.contains(&format!("`{key}`")), "no warning of `{key}` in {warnings}");
    }
    assert_eq!(host.call("old-style/hello").await.expect(200).text(), "hello");
    assert_eq!(host.plugin("old-style").await["warnings"], asked["warnings"]);

    let strict = TestHost::with(&["--security-mode", "strict"]).await;
    let refused = strict.try_load(&crate::plugins::built("old-style").await).await.expect(422);
    assert_eq!(refused.code(), "manifest_refused");
    assert!(refused.json()["errors"].as_array().unwrap().len() >= 5, "{}", refused.text());
}
