//! The disk has no room: what changes something is refused as a whole, what serves goes on, and once there is room all
//! goes through without a restart.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::client::Answer;
use crate::host::{Options, TestHost};
use crate::kill::scene::{assert_clean, assert_nothing_is_left, seen};
use crate::plugins::{built, copy};
use crate::uploads::upload;
use crate::zip_builder::archive;

const DISK_BYTES: u64 = 48 << 20;

/// Writes a file until the disk is full, but for `left` bytes.
fn fill(disk: &Path, left: u64) -> PathBuf {
    let path = disk.join("filler");
    let mut file = std::fs::File::create(&path).unwrap();
    let block = [0; 4096];
    while file.write_all(&block).is_ok() {}
    let length = file.metadata().unwrap().len();
    file.set_len(length - left.min(length)).unwrap();
    path
}

fn assert_full(answer: Answer, codes: &[&str]) {
    let answer = answer.expect(507);
    assert!(codes.contains(&answer.code().as_str()), "{}", answer.text());
    assert!(answer.json()["fix"].as_str().unwrap().contains("free some space"), "{}", answer.text());
}

#[tokio::test]
async fn on_a_full_disk_changes_are_refused_and_plugins_keep_serving() {
    if !Options::may_mount() {
        eprintln!("left out: a disk of its own may not be mounted here");
        return;
    }
    let (hooks, counter) = (built("hooks").await, built("counter").await);
    let options = TestHost::options().flags(&["--cargo", "/bin/false"]).on_a_disk_of(DISK_BYTES);
    let newer = options.sources().join("newer");
    copy(hooks.parent().unwrap(), &newer);
    let yaml = std::fs::read_to_string(newer.join("plugin.yaml")).unwrap();
    std::fs::write(newer.join("plugin.yaml"), yaml.replace("version: 1.0.0", "version: 2.0.0")).unwrap();
    let newer = newer.join("library.so");
    let zipped = archive(&[("plugin.yaml", yaml.as_bytes()), ("library.so", &std::fs::read(&hooks).unwrap())]);

    let host = options.start().await;
    host.load("hello").await;
    host.try_load(&hooks).await.expect(200);
    let before = seen(&host, "hooks").await;
    let configure = || host.request("PUT", "/api/plugins/hooks/config").json(&json!({ "greeting": "full" })).send();

    // Room for a job, but not for a library; then none at all.
    for left in [192 << 10, 0] {
        let filler = fill(&host.plugin_dir(), left);
        let full = ["store_full", "state_full"];
        assert_full(host.try_load(&counter).await, &full);
        assert_full(host.try_load(&newer).await, &full);
        assert_full(upload(&host, &zipped).await, &full);
        if left == 0 {
            assert_full(configure().await, &["state_full"]);
            assert_full(host.post("/api/plugins/hooks/disable").await, &["state_full"]);
            assert_full(host.post("/api/plugins/hooks/reload").await, &["state_full"]);
            assert_full(host.delete("/api/plugins/hello").await, &["state_full"]);
        }
        host.call("hello/hello").await.expect(200);
        assert_eq!(seen(&host, "hooks").await, before);
        assert_eq!(host.get("/api/plugins").await.expect(200).json()["count"], 2);
        assert_eq!(host.get("/health/ready").await.status, 200);
        std::fs::remove_file(filler).unwrap();
        assert_clean(&host).await;
    }

    // It is over at whatever write of a change: all of it is done, or nothing.
    let (mut n_done, mut n_refused) = (0, 0);
    for left in (0..24).map(|n| n * 4096) {
        let before = seen(&host, "hooks").await;
        let filler = fill(&host.plugin_dir(), left);
        let settings = json!({ "greeting": format!("{left} bytes") });
        let answer = host.request("PUT", "/api/plugins/hooks/config").json(&settings).send().await;
        let after = seen(&host, "hooks").await;
        match answer.status {
            200 => {
                assert_eq!(after.unwrap().configuration, settings);
                n_done += 1;
            }
            _ => {
                assert_full(answer, &["store_full", "state_full"]);
                assert_eq!(after, before);
                n_refused += 1;
            }
        }
        std::fs::remove_file(filler).unwrap();
        // A record that found no room is written with the next change.
        assert_nothing_is_left(&host).await;
    }
    assert!(n_done > 0 && n_refused > 1, "{n_done} done, {n_refused} refused");

    // The same again, now that there is room.
    host.try_load(&counter).await.expect(200);
    host.try_load(&newer).await.expect(200);
    assert!(upload(&host, &zipped).await.expect(200).json()["upload_id"].is_string());
    configure().await.expect(200);
    host.post("/api/plugins/hooks/reload").await.expect(200);
    host.post("/api/plugins/hooks/disable").await.expect(200);
    host.delete("/api/plugins/hello").await.expect(200);
    let after = seen(&host, "hooks").await.unwrap();
    assert_eq!((after.version.as_str(), after.goal.as_str()), ("2.0.0", "disabled"));
    let jobs = host.get("/api/jobs").await.expect(200).json();
    let is_under_way = |job: &serde_json::Value| matches!(job["state"].as_str(), Some("queued" | "running"));
    assert!(!jobs["jobs"].as_array().unwrap().iter().any(is_under_way), "{jobs}");
    assert_clean(&host).await;
}
