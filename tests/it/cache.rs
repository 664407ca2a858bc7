//! Garbage collection: unused files are measured and removed; serving and rollback versions are kept.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::host::{TestHost, eventually};
use crate::plugins;

fn artifact(host: &TestHost, digest: &str) -> PathBuf {
    host.plugin_dir().join("artifacts").join(digest.trim_start_matches("sha256:"))
}

/// A host with a build cache of its own, which builds nothing: the other tests share one.
async fn start(cache: &Path, flags: &[&str]) -> TestHost {
    let cache = cache.display().to_string();
    TestHost::with(&[&["--cache-dir", cache.as_str(), "--cargo", "/bin/false"], flags].concat()).await
}

#[tokio::test]
async fn clearing_the_cache_never_touches_what_serves_or_a_rollback_needs() {
    let cache = tempfile::tempdir().unwrap();
    let host = start(cache.path(), &[]).await;
    for version in ["1.0.0", "1.1.0"] {
        let library = plugins::as_version(&host, "hello", "kept", version).await;
        host.try_load(&library).await.expect(200);
    }
    host.try_load(&plugins::as_version(&host, "hello", "gone", "1.0.0").await).await.expect(200);
    let gone = artifact(&host, host.plugin("gone").await["file_path"].as_str().unwrap());
    host.delete("/api/plugins/gone").await.expect(200);
    let kept = host.plugin("kept").await;
    let digests = [&kept["file_path"], &kept["kept"][0]["artifact"]].map(|digest| digest.as_str().unwrap().to_owned());
    let work = cache.path().join("work/left");
    std::fs::create_dir_all(&work).unwrap();
    std::fs::write(work.join("x"), [0; 10_000]).unwrap();

    let before = host.get("/api/plugins/cache/info").await.expect(200).json();
    assert!(before["total_bytes"].as_u64().unwrap() >= 10_000 && before["last_cleanup"].is_null(), "{before}");
    assert_eq!((&before["artifacts"], &before["hit_rate"]), (&json!(3), &json!(0.0)));
    // What was unloaded may still be held for a moment, while it drains.
    eventually("what nobody needs is gone", async || {
        host.delete("/api/plugins/cache").await.expect(200);
        !gone.exists()
    })
    .await;
    assert!(!work.exists());
    for digest in &digests {
        assert!(artifact(&host, digest).is_dir(), "{digest}");
    }
    let after = host.get("/api/plugins/cache/info").await.expect(200).json();
    assert_eq!(after["artifacts"], 2);
    assert!(after["last_cleanup"].as_str().unwrap().ends_with('Z'), "{after}");
    host.call("kept/hello").await.expect(200);
    host.post("/api/plugins/kept/rollback").await.expect(200);
    let host = host.restart().await;
    host.call("kept/hello").await.expect(200);
    assert_eq!(host.plugin("kept").await["Version"], "1.0.0");
    let output = host.command(&["cache", "info"]).await;
    assert!(String::from_utf8_lossy(&output.stdout).contains("artifacts     2, "), "{output:?}");
}

#[tokio::test]
async fn unreferenced_artifacts_are_removed_automatically() {
    let cache = tempfile::tempdir().unwrap();
    let host = start(cache.path(), &["--sweep-interval-seconds", "1", "--unreferenced-keep-seconds", "1"]).await;
    host.try_load(&plugins::as_version(&host, "hello", "stays", "1.0.0").await).await.expect(200);
    host.try_load(&plugins::as_version(&host, "hello", "goes", "1.0.0").await).await.expect(200);
    let [stays, goes] =
        ["stays", "goes"].map(|id| async { host.plugin(id).await["file_path"].as_str().unwrap().to_owned() });
    let (stays, goes) = (artifact(&host, &stays.await), artifact(&host, &goes.await));
    host.delete("/api/plugins/goes").await.expect(200);
    // Since when nobody needs it is known to the next host, too.
    let host = host.restart().await;
    eventually("it is swept", async || !goes.exists()).await;
    assert!(stays.is_dir());
    host.call("stays/hello").await.expect(200);
}
