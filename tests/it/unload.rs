//! A replaced generation leaves the process, whatever its plugin left there; or the host says what holds it.

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use crate::generations::Scene;
use crate::host::{TestHost, endpoint, eventually};
use crate::plugins::source;

/// Something for a plugin to connect to: what it waits for ends when the test drops the connection.
struct Lines(TcpListener);

impl Lines {
    async fn new() -> Lines {
        Lines(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    async fn accept(&self) -> TcpStream {
        self.0.accept().await.unwrap().0
    }
}

#[tokio::test]
async fn a_host_reports_that_unloading_works() {
    let scene = Scene::of("stop-panics").await;
    let health = scene.host.get("/health").await.expect(200).json();
    assert_eq!(health["unloading"], json!({ "effective": true }), "{health}");
    assert_eq!(scene.host.metric("plugin_host_unloading_effective").await, 1.0);
    assert_eq!(scene.host.metric("plugin_host_generations_mapped").await, 1.0);
    scene.host.call("stop-panics/hello").await.expect(200);
    scene.host.call("stop-panics/hello").await.expect(200);
    let running = scene.generation(1).await;
    assert_eq!(
        (&running["phase"], &running["requests"], &running["held_by"]),
        (&json!("running"), &json!(2), &json!([]))
    );
    assert!(running["mapped_bytes"].as_u64().unwrap() > 0, "{running}");
    assert!(running["unmapped_after_ms"].is_null(), "{running}");
}

#[tokio::test]
async fn thread_locals_on_the_hosts_workers_are_dropped_there_once() {
    let scene = Scene::of("thread-local").await;
    let file = scene.host.sources().join("dropped");
    let answers = scene.call_on_workers("POST", "touch", file.to_str().unwrap()).await;
    let mut touched: Vec<_> = answers.iter().filter_map(|answer| answer.strip_suffix(" first")).collect();
    assert!(!file.exists(), "dropped while the generation serves");

    scene.reload().await;
    scene.unmapped_unasked(1).await;
    scene.unmapped(1).await;
    let lines = std::fs::read_to_string(file).unwrap();
    let mut dropped: Vec<_> = lines.lines().collect();
    touched.sort();
    dropped.sort();
    assert_eq!(touched, dropped);
    scene.gone().await;
}

#[tokio::test]
async fn a_thread_that_ends_late_keeps_its_library_until_then() {
    let scene = Scene::of("late-thread").await;
    let lines = Lines::new().await;
    scene.post("begin/late-one", &lines.address()).await;
    let one = lines.accept().await;
    scene.post("begin/late-two", &lines.address()).await;
    let two = lines.accept().await;

    scene.reload().await;
    scene.kept(1, &["2 threads (`late-one`, `late-two`)"]).await;
    assert_eq!(scene.host.metric("plugin_host_generations_kept").await, 1.0);
    assert_eq!(scene.host.metric("plugin_host_generations_mapped").await, 2.0);
    drop(one);
    scene.kept(1, &["1 thread (`late-two`)"]).await;
    drop(two);
    scene.unmapped(1).await;
    assert_eq!(scene.host.metric("plugin_host_generations_unmapped_total").await, 1.0);
    scene.gone().await;
}

#[tokio::test]
async fn a_removed_plugin_leaves_the_process_when_its_last_thread_does() {
    let scene = Scene::of("late-thread").await;
    let lines = Lines::new().await;
    scene.post("begin/late-one", &lines.address()).await;
    let one = lines.accept().await;
    scene.host.delete("/api/plugins/late-thread").await.expect(200);
    let kept = || async { scene.host.metric("plugin_host_generations_kept").await == 1.0 };
    eventually("the generation is kept", kept).await;
    assert!(scene.mappings(1) > 0);
    drop(one);
    scene.unmapped_unasked(1).await;
    eventually("nothing is kept", || async { !kept().await }).await;
}

#[tokio::test]
async fn a_thread_that_never_ends_keeps_its_library_and_is_named() {
    let scene = Scene::of("lost-thread").await;
    scene.post("begin", "").await;
    scene.reload().await;
    scene.kept(1, &["1 thread (`kafka-poll`)"]).await;
    scene.host.logged("kafka-poll").await;
    // Those that come after it are not held up.
    scene.reload().await;
    scene.unmapped(2).await;
    scene.kept(1, &["1 thread (`kafka-poll`)"]).await;
}

#[tokio::test]
async fn a_runtime_of_the_plugin_keeps_its_library_for_as_long_as_it_runs() {
    let scene = Scene::of("own-runtime").await;
    scene.post("ends", "").await;
    scene.reload().await;
    scene.unmapped(1).await;
    scene.post("forever", "").await;
    scene.reload().await;
    let is_named = |reason: &Value| reason.as_str().unwrap().starts_with("2 threads (`own-forever`");
    let is_expected = |held_by: &Value| held_by.as_array().unwrap().iter().any(is_named);
    scene.kept_where(2, "kept by its own threads", is_expected).await;
}

#[tokio::test]
async fn a_tracing_subscriber_of_the_plugin_does_not_keep_its_library() {
    let scene = Scene::of("own-subscriber").await;
    for number in 1..4 {
        scene.call_on_workers("GET", "spans", "").await;
        scene.reload().await;
        scene.unmapped(number).await;
    }
    scene.gone().await;
}

#[tokio::test]
async fn keys_that_nobody_deletes_are_deleted_with_their_library() {
    const N_KEYS: u64 = 20;
    let scene = Scene::of("many-keys").await;
    // More than the 1024 that a library may have.
    for number in 1..=1100 / N_KEYS {
        let half = format!("keys/{}", N_KEYS / 2);
        tokio::join!(scene.post(&half, ""), scene.post(&half, ""));
        scene.reload().await;
        scene.unmapped(number).await;
    }
    let too_many = scene.host.anonymous().post(&endpoint("many-keys/keys/2000")).await;
    assert_eq!(too_many.status, 500, "{}", too_many.text());
    scene.post("keys/0", "").await;
    scene.reload().await;
    scene.unmapped(1100 / N_KEYS + 1).await;
    scene.gone().await;
}

#[tokio::test]
async fn thread_specific_values_of_c_code_do_not_keep_their_library() {
    let scene = Scene::of("c-key").await;
    for number in 1..4 {
        let answers = scene.call_on_workers("POST", "touch", "").await;
        assert!(answers.iter().any(|answer| answer.ends_with(" first")), "{answers:?}");
        scene.reload().await;
        scene.unmapped_unasked(number).await;
    }
    scene.gone().await;
}

#[tokio::test]
async fn an_end_that_panics_does_not_keep_its_library() {
    let scene = Scene::of("stop-panics").await;
    scene.host.call("stop-panics/hello").await.expect(200);
    scene.reload().await;
    scene.unmapped(1).await;
    scene.host.logged("the stop panics").await;
    scene.host.logged("the drop panics").await;
    scene.gone().await;
}

#[tokio::test]
async fn bytes_that_a_caller_has_not_read_keep_their_library() {
    let scene = Scene::of("large-body").await;
    let mut callers = Vec::new();
    for _ in 0..2 {
        let mut caller = scene.host.anonymous().request("GET", &endpoint("large-body/body")).open().await;
        assert_eq!(caller.head(false).await.status, 200);
        callers.push(caller);
    }
    scene.reload().await;
    scene.kept(1, &["2 response chunks"]).await;
    let mut reads_on = callers.pop().unwrap();
    let body = reads_on.rest().await;
    assert!(reads_on.is_whole() && body.len() == 8 << 20 && body.iter().all(|byte| *byte == b'x'));
    scene.kept(1, &["1 response chunk"]).await;
    drop(callers);
    scene.unmapped(1).await;
    scene.gone().await;
}

#[tokio::test]
async fn a_stream_that_is_read_drains_and_an_unread_stream_is_cancelled() {
    let scene = Scene::with("endless-stream", &["--drain-timeout-seconds", "1"]).await;
    let begin = async || {
        let mut caller = scene.host.anonymous().request("GET", &endpoint("endless-stream/zeros")).open().await;
        assert_eq!(caller.head(false).await.status, 200);
        caller
    };
    let (mut slow, stalled) = (begin().await, begin().await);
    slow.chunk().await.unwrap();
    scene.reload().await;
    // A caller who reads sees the end, and that it is not the end of the answer.
    while slow.chunk().await.is_some() {}
    assert!(!slow.is_whole());
    // What hyper has not sent to the other one may hold the library until that caller goes.
    let is_over = |generation: &Value| {
        let held_by = generation["held_by"].to_string();
        generation["phase"] == "unmapped" || generation["phase"] == "kept" && held_by.contains("response chunk")
    };
    scene.generation_where(1, "unmapped, or kept by chunks", is_over).await;
    drop(stalled);
    scene.unmapped(1).await;
    scene.gone().await;
}

#[tokio::test]
async fn a_question_to_the_host_that_is_dropped_late_keeps_its_library_until_then() {
    let scene = Scene::with("kept-waker", &["--drain-timeout-seconds", "1"]).await;
    scene.host.load("slow").await;
    let lines = Lines::new().await;
    for (number, path) in [(1, "subscribe/late"), (2, "ask/late")] {
        scene.post(path, &lines.address()).await;
        let line = lines.accept().await;
        scene.reload().await;
        let thread = json!("1 thread (`late-drop`)");
        let is_expected = |held_by: &Value| held_by.as_array().unwrap().contains(&thread);
        scene.kept_where(number, "kept by the thread that holds the question", is_expected).await;
        drop(line);
        scene.unmapped(number).await;
    }
}

#[tokio::test]
async fn a_question_to_the_host_that_is_never_dropped_is_cut_or_named() {
    let scene = Scene::with("kept-waker", &["--drain-timeout-seconds", "1"]).await;
    scene.host.load("slow").await;
    let mut caller = scene.host.anonymous().begin("POST", &endpoint("kept-waker/body/lost")).await;
    assert_eq!(caller.head(false).await.status, 204);
    scene.reload().await;
    cut_or_named(&scene, 1).await;
    for (number, path) in [(2, "subscribe/lost"), (3, "ask/lost")] {
        scene.post(path, "").await;
        scene.reload().await;
        cut_or_named(&scene, number).await;
    }
    // Whoever was asked may still answer, and wake who asked.
    drop(caller);
    scene.host.post("/api/plugins/slow/reload").await.expect(200);
    scene.host.call("slow/generation").await.expect(200);
    scene.host.call("kept-waker/woken").await.expect(200);
}

/// Waits until a generation is unmapped, or kept for what it has asked the host and never given up.
async fn cut_or_named(scene: &Scene, number: u64) {
    let names_it = |reason: &Value| ["1 waker", "1 request to the host"].contains(&reason.as_str().unwrap());
    let is_over = |generation: &Value| {
        let held_by = generation["held_by"].as_array().unwrap();
        generation["phase"] == "unmapped" || generation["phase"] == "kept" && held_by.iter().any(names_it)
    };
    scene.generation_where(number, "unmapped, or kept for what it asked", is_over).await;
}

#[tokio::test]
async fn a_symbol_that_must_stay_unique_keeps_its_library_and_is_named() {
    let scene = Scene::of("unique-symbol").await;
    scene.host.call("unique-symbol/hello").await.expect(200);
    scene.reload().await;
    scene.kept(1, &["C++ unique symbol `_ZN4Pool8instanceE`"]).await;
    scene.host.call("unique-symbol/hello").await.expect(200);
}

#[tokio::test]
async fn a_thread_that_cannot_be_seen_keeps_its_library_for_good() {
    let scene = Scene::of("unseen-thread").await;
    scene.post("begin", "").await;
    scene.reload().await;
    scene.kept(1, &["it calls `thrd_create`, which creates threads or keys that the host cannot track"]).await;
    scene.post("begin", "").await;
}

#[tokio::test]
async fn a_library_that_never_opens_times_out_and_plugins_keep_serving() {
    let host = TestHost::with(&["--start-timeout-seconds", "5"]).await;
    host.load("stop-panics").await;
    let refused = host.try_load(&source("constructor-hangs")).await;
    assert!(refused.status == 422 && refused.code().starts_with("load_"), "{}", refused.text());
    host.call("stop-panics/hello").await.expect(200);
    assert_eq!(host.get("/api/plugins").await.json()["count"], 1);
}
