//! Plans whose job is cancelled, or whose host is killed.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{PLAN, actions, asked, placed, states};
use crate::host::{TestHost, eventually};
use crate::plugins::{any_turn_to_build, copy, source};

#[tokio::test]
async fn a_job_that_is_cancelled_undoes_what_it_has_done() {
    let host = TestHost::start().await;
    let (flag, waits) = waiting_crate(&host);
    let hello = placed(&host, "hello", "aaa", "").await;
    let file = json!({ "version": 1, "plugins": [{ "source": hello }, { "source": waits }] });
    let planned = host.post_json(PLAN, &file).await.expect(200).json();
    assert_eq!((&planned["plugins"][1]["build"], &planned["changing"]), (&json!("build"), &json!(2)));
    let _turn = any_turn_to_build().await;
    let job = begin(&host, &planned).await;
    host.call("aaa/hello").await.expect(200);
    let cancelled = host.post(&format!("/api/jobs/{job}/cancel")).await.expect(200).json();
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(states(&cancelled["problem"]), ["undone aaa", "failed waits"]);
    assert_eq!(host.get("/api/plugins").await.json()["count"], 0);
    std::fs::write(flag, "").unwrap();
}

#[tokio::test]
async fn a_killed_host_completes_or_reverts_the_plan_at_the_next_start() {
    for fails in [false, true] {
        let host = TestHost::start().await;
        let (flag, waits) = waiting_crate(&host);
        let (aaa, old) = (placed(&host, "counter", "aaa", "").await, placed(&host, "hello", "old-one", "").await);
        host.try_load(&aaa).await.expect(200);
        host.try_load(&old).await.expect(200);
        let before = (asked(&host, "aaa").await, asked(&host, "old-one").await);
        let file = json!({
            "version": 1, "prune": true,
            "plugins": [{ "source": aaa, "configuration": { "step": 4 } }, { "source": waits }]
        });
        let planned = host.post_json(PLAN, &file).await.expect(200).json();
        assert_eq!(actions(&planned), ["change aaa", "install waits", "unload old-one"]);
        let _turn = any_turn_to_build().await;
        let job = begin(&host, &planned).await;
        assert_eq!(asked(&host, "aaa").await["set"], json!({ "step": 4 }));
        let host = host.kill_and_restart().await;
        std::fs::write(flag, if fails { "fail" } else { "" }).unwrap();
        let path = format!("/api/jobs/{job}");
        let state = async || host.get(&path).await.expect(200).json();
        eventually("the job has ended", async || !state().await["ended_unix_ms"].is_null()).await;
        let job = state().await;
        if fails {
            assert_eq!((&job["state"], &job["problem"]["code"]), (&json!("failed"), &json!("build_failed")), "{job}");
            assert_eq!(states(&job["problem"]), ["undone aaa", "failed waits", "skipped old-one"]);
            assert_eq!((asked(&host, "aaa").await, asked(&host, "old-one").await), before);
            host.get("/api/plugins/waits").await.expect(404);
            host.call("old-one/hello").await.expect(200);
        } else {
            assert_eq!(job["state"], "done", "{job}");
            assert_eq!(states(&job["result"]), ["done aaa", "done waits", "done old-one"]);
            host.call("waits/hello").await.expect(200);
            host.get("/api/plugins/old-one").await.expect(404);
            assert_eq!(asked(&host, "aaa").await["set"], json!({ "step": 4 }));
            assert_eq!(host.post_json(PLAN, &file).await.expect(200).json()["changing"], 0);
        }
    }
}

/// A crate whose build waits until a file is there, and fails when that says so.
fn waiting_crate(host: &TestHost) -> (PathBuf, PathBuf) {
    let (flag, folder) = (host.sources().join("flag"), host.sources().join("waits"));
    copy(&source("hello"), &folder);
    let edit = |name: &str, from: &str, to: &str| {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        std::fs::write(folder.join(name), text.replacen(from, to, 1)).unwrap();
    };
    edit("plugin.yaml", "id: hello", "id: waits");
    edit("Cargo.toml", "[package]", "[package]\nbuild = \"build.rs\"");
    let build = format!(
        "fn main() {{\n    let flag = std::path::Path::new({flag:?});\n    while !flag.exists() {{\n        \
         std::thread::sleep(std::time::Duration::from_millis(20));\n    }}\n    \
         assert!(std::fs::read_to_string(flag).unwrap() != \"fail\");\n}}\n"
    );
    std::fs::write(folder.join("build.rs"), build).unwrap();
    (flag, folder)
}

/// Begins to apply a plan, and waits until the build has begun. Gives the job.
async fn begin(host: &TestHost, planned: &Value) -> String {
    let request = host.request("POST", "/api/plugins/apply").header("prefer", "respond-async");
    let begun = request.json(&json!({ "plan": planned["plan"] })).send().await.expect(202).json();
    let job = begun["id"].as_str().unwrap().to_owned();
    eventually("it is being built", async || {
        host.get(&format!("/api/jobs/{job}")).await.json()["step"] == "waits: build"
    })
    .await;
    job
}
