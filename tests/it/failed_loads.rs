//! Failed first installations: they stay listed, with their job, until the plugin is installed or they are dismissed.

use serde_json::{Value, json};

use crate::host::TestHost;
use crate::plugins::{copy, source};

/// Loads a copy of a plugin that does not compile and returns its folder and the job.
async fn fail(host: &TestHost) -> (std::path::PathBuf, String) {
    let folder = host.sources().join("does-not-compile");
    copy(&source("does-not-compile"), &folder);
    assert_eq!(host.try_load(&folder).await.expect(422).code(), "build_failed");
    let job = host.get("/api/jobs?state=failed").await.json()["jobs"][0]["id"].as_str().unwrap().to_owned();
    (folder, job)
}

async fn failed(host: &TestHost) -> Value {
    host.get("/api/plugins").await.expect(200).json()["failed_loads"].clone()
}

#[tokio::test]
async fn a_failed_first_load_is_listed_after_a_restart_until_its_retry_succeeds() {
    let host = TestHost::start().await;
    let (folder, job) = fail(&host).await;
    let host = host.restart().await;
    let list = host.get("/api/plugins").await.expect(200).json();
    assert_eq!((&list["count"], list["failed_loads"].as_array().unwrap().len()), (&json!(0), 1));
    let shown = &list["failed_loads"][0];
    for (field, expected) in [
        ("id", json!("does-not-compile")),
        ("version", json!("1.0.0")),
        ("source", json!(folder)),
        ("state", json!("failed")),
        ("job", json!(job)),
        ("code", json!("build_failed")),
    ] {
        assert_eq!(shown[field], expected, "{field}: {shown}");
    }
    assert!(shown["failed_at"].as_u64() >= shown["started_at"].as_u64() && shown["failed_at"].is_u64(), "{shown}");
    assert!(!shown["name"].as_str().unwrap().is_empty(), "{shown}");
    let text = host.command(&["list"]).await;
    let text = String::from_utf8(text.stderr).unwrap();
    assert!(text.contains(&format!("`plugin-host job retry {job}` tries again")), "{text}");
    // Also what asks for the plugin says what became of it.
    for (method, path) in [("GET", ""), ("GET", "/logs"), ("GET", "/config"), ("POST", "/reload")] {
        let path = format!("/api/plugins/does-not-compile{path}");
        let refused = host.request(method, &path).send().await.expect(404).json();
        assert_eq!(refused["code"], "run_unknown_plugin");
        assert!(refused["detail"].as_str().unwrap().contains("its installation failed: failed to build"), "{refused}");
        assert!(refused["fix"].as_str().unwrap().contains(&format!("`plugin-host job {job}`")), "{refused}");
    }

    // The newer failure takes the place of the older one.
    assert_eq!(host.post(&format!("/api/jobs/{job}/retry")).await.expect(422).code(), "build_failed");
    let newer = failed(&host).await;
    assert_eq!((newer.as_array().unwrap().len(), newer[0]["job"] == json!(job)), (1, false));

    let library = folder.join("src/lib.rs");
    let fixed = std::fs::read_to_string(&library).unwrap().replace("greeting: u32", "greeting");
    std::fs::write(&library, fixed).unwrap();
    let retry = format!("/api/jobs/{}/retry", newer[0]["job"].as_str().unwrap());
    host.post(&retry).await.expect(200);
    assert_eq!(failed(&host).await, Value::Null);
    host.delete("/api/plugins/does-not-compile").await.expect(200);
    let host = host.restart().await;
    assert_eq!(failed(&host).await, Value::Null);
}

#[tokio::test]
async fn a_dismissed_first_load_is_not_listed_and_only_callers_that_see_the_plugin_see_it() {
    let host = TestHost::start().await;
    fail(&host).await;
    for (grant, is_seen) in [("does-not-compile", true), ("hello", false)] {
        let asked = json!({ "name": grant, "grants": { grant: "viewer" } });
        let made = host.post_json("/api/tokens", &asked).await.expect(201).json();
        let client = host.with_token(made["token"].as_str().unwrap());
        let list = client.get("/api/plugins").await.expect(200).json();
        assert_eq!(list["failed_loads"].is_array(), is_seen, "{grant}: {list}");
        client.delete("/api/plugins/does-not-compile").await.expect(403);
    }
    let dismissed = host.delete("/api/plugins/does-not-compile").await.expect(200).json();
    assert!(dismissed["reason"].as_str().unwrap().contains("nothing was installed"), "{dismissed}");
    assert_eq!(failed(&host).await, Value::Null);
    let host = host.restart().await;
    assert_eq!(failed(&host).await, Value::Null);
    assert_eq!(host.delete("/api/plugins/does-not-compile").await.expect(404).code(), "run_unknown_plugin");
}
