//! Generations come and go for a long time: no request is lost, and nothing adds up.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::client::Client;
use crate::generations::{Scene, mapped_libraries, no_file_stays_open, open_files};
use crate::host::{TestHost, endpoint, eventually};
use crate::plugins::{built, copy};

#[tokio::test]
async fn two_hundred_reloads_under_traffic_lose_no_request_and_leave_one_library() {
    const N_RELOADS: u64 = 200;
    let scene = Scene::of("thread-local").await;
    let file = scene.host.sources().join("dropped");
    scene.reload().await;
    scene.unmapped(1).await;
    let files = open_files(&scene.host);

    let stop = CancellationToken::new();
    let callers: Vec<_> =
        (0..8).map(|_| tokio::spawn(touch(scene.host.anonymous(), file.clone(), stop.clone()))).collect();
    for _ in 1..N_RELOADS {
        scene.reload().await;
    }
    stop.cancel();
    let (mut n_answers, mut n_first) = (0, 0);
    for caller in callers {
        let (answers, first) = caller.await.unwrap();
        (n_answers, n_first) = (n_answers + answers, n_first + first);
    }
    assert!(n_answers >= 8, "{n_answers} answers");

    let last = BTreeSet::from([format!("thread-local#{}", N_RELOADS + 1)]);
    eventually("one library is mapped", async || mapped_libraries(&scene.host) == last).await;
    no_file_stays_open(&scene.host, &files).await;
    let metric = async |name: &str| scene.host.metric(&format!("plugin_host_{name}")).await;
    eventually("all are counted", async || metric("generations_unmapped_total").await == N_RELOADS as f64).await;
    assert_eq!(metric("unmap_duration_seconds_count").await, N_RELOADS as f64);
    assert_eq!(metric("generations_mapped").await, 1.0);
    let shown = scene.host.plugin("thread-local").await["generations"].as_array().unwrap().clone();
    assert_eq!(shown.len(), 21, "the one that serves and the last 20 that ended");
    assert!(shown.iter().all(|one| one["phase"] == if one["number"] == 201 { "running" } else { "unmapped" }));

    // Its folder goes with the host.
    let file = std::fs::File::open(file).unwrap();
    scene.gone().await;
    let n_dropped = std::io::read_to_string(file).unwrap().lines().count();
    assert_eq!(n_dropped, n_first, "each value on each thread is dropped once");
}

/// Calls `touch` again and again. Gives how many answers there were, and how many came from a thread that was new to
/// its generation.
async fn touch(client: Client, file: PathBuf, stop: CancellationToken) -> (usize, usize) {
    let (mut n_answers, mut n_first) = (0, 0);
    let request = client.request("POST", &endpoint("thread-local/touch")).body(file.to_str().unwrap().as_bytes());
    while !stop.is_cancelled() {
        let answer = request.clone().send().await.expect(200);
        assert!(answer.is_whole);
        n_answers += 1;
        n_first += usize::from(answer.text().ends_with(" first"));
    }
    (n_answers, n_first)
}

#[tokio::test]
async fn versions_of_different_shape_follow_each_other_and_each_leaves() {
    let host = TestHost::start().await;
    // The boundary's types differ between the two: what the host remembers of one must not be asked of the other.
    let libraries =
        [as_shifting(&host, "previous-minor", "old").await, as_shifting(&host, "other-versions/v2", "new").await];
    host.try_load(&libraries[1]).await.expect(200);
    // One version has a runtime, with files of its own.
    let mut files = [Vec::new(), Vec::new()];
    for round in 1..=20 {
        host.try_load(&libraries[(round + 1) % 2]).await.expect(200);
        match round % 2 {
            0 => {
                host.call("shifting/version").await.expect(200);
            }
            _ => {
                let echo = host.request("POST", &endpoint("shifting/echo/word")).body(b"and body");
                assert_eq!(echo.send().await.expect(200).text(), "word and body");
            }
        }
        eventually("the version before is unmapped", async || phase(&host, round as u64).await == "unmapped").await;
        assert_eq!(mapped_libraries(&host), BTreeSet::from([format!("shifting#{}", round + 1)]));
        let before = &mut files[round % 2];
        match round {
            ..=4 => *before = open_files(&host),
            _ => no_file_stays_open(&host, before).await,
        }
    }
}

async fn phase(host: &TestHost, number: u64) -> Value {
    let plugin = host.plugin("shifting").await;
    let all = plugin["generations"].as_array().unwrap();
    all.iter().find(|generation| generation["number"] == number).unwrap_or(&Value::Null)["phase"].clone()
}

/// A copy of a built plugin under the id `shifting`.
async fn as_shifting(host: &TestHost, name: &str, folder: &str) -> PathBuf {
    let folder = host.sources().join(folder);
    copy(built(name).await.parent().unwrap(), &folder);
    let yaml = std::fs::read_to_string(folder.join("plugin.yaml")).unwrap();
    let (_, rest) = yaml.split_once('\n').unwrap();
    assert!(yaml.starts_with("id: "), "{yaml}");
    std::fs::write(folder.join("plugin.yaml"), format!("id: shifting\n{rest}")).unwrap();
    folder.join("library.so")
}

#[tokio::test]
async fn at_the_limit_of_kept_generations_loads_are_refused_and_plugins_keep_serving() {
    let scene = Scene::with("late-thread", &["--max-kept-generations", "2"]).await;
    let host = &scene.host;
    let ends = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = ends.local_addr().unwrap().to_string();
    let mut lines = Vec::new();
    for number in 1..=2 {
        scene.post("begin/late", &address).await;
        lines.push(ends.accept().await.unwrap());
        scene.reload().await;
        scene.kept(number, &["1 thread (`late`)"]).await;
    }
    let hello = built("hello").await;
    for refused in [host.post("/api/plugins/late-thread/reload").await, host.try_load(&hello).await] {
        assert_eq!((refused.status, refused.code().as_str()), (503, "load_too_many_kept"), "{}", refused.text());
        assert_eq!(refused.header("retry-after"), Some("5"));
        assert!(refused.json()["detail"].as_str().unwrap().contains("`late-thread`"), "{}", refused.text());
    }
    scene.post("begin/late", &address).await;
    lines.push(ends.accept().await.unwrap());
    assert_eq!(scene.generation(3).await["phase"], "running");

    drop(lines);
    scene.unmapped(1).await;
    host.try_load(&hello).await.expect(200);
    host.call("hello/hello").await.expect(200);
    scene.unmapped(2).await;
    host.delete("/api/plugins/hello").await.expect(200);
    scene.gone().await;
}
