//! Handlers that block: their callers wait, and nobody else.

use tokio::net::TcpListener;

use crate::host::{TestHost, endpoint, eventually};

async fn waiting(host: &TestHost) -> usize {
    host.call("blocks/waiting").await.expect(200).text().parse().unwrap()
}

#[tokio::test]
async fn handlers_that_block_delay_neither_the_host_nor_other_calls() {
    let host = TestHost::start().await;
    host.load("blocks").await;
    host.load("hello").await;
    let calls: Vec<_> = (0..70)
        .map(|_| {
            let client = host.anonymous();
            tokio::spawn(async move { client.get(&endpoint("blocks/wait")).await })
        })
        .collect();
    // At most 64 run; the others wait for their turn.
    eventually("64 handlers block", || async { waiting(&host).await == 64 }).await;

    host.get("/health/live").await.expect(200);
    host.get("/api/plugins/blocks").await.expect(200);
    host.call("hello/hello").await.expect(200);
    // A call that never gets its turn ends at its deadline, too.
    assert_eq!(host.call("blocks/late").await.expect(504).code(), "plugin_timed_out");

    host.anonymous().request("POST", &endpoint("blocks/open")).send().await.expect(204);
    for call in calls {
        assert_eq!(call.await.unwrap().expect(200).text(), "open");
    }
}

#[tokio::test]
async fn async_handlers_that_block_delay_only_their_callers_and_are_named() {
    let host = TestHost::start().await;
    host.load("blocks").await;
    host.load("hello").await;
    // More calls than the host has worker threads.
    let n_calls = 2 * std::thread::available_parallelism().unwrap().get() + 2;
    let calls: Vec<_> = (0..n_calls)
        .map(|_| {
            let client = host.anonymous();
            tokio::spawn(async move { client.get(&endpoint("blocks/held")).await })
        })
        .collect();
    eventually("all handlers block", || async { waiting(&host).await == n_calls }).await;

    host.get("/health/live").await.expect(200);
    host.get("/api/plugins/blocks").await.expect(200);
    host.call("hello/hello").await.expect(200);
    assert_eq!(host.call("blocks/held-late").await.expect(504).code(), "plugin_timed_out");

    host.anonymous().request("POST", &endpoint("blocks/open")).send().await.expect(204);
    for call in calls {
        assert_eq!(call.await.unwrap().expect(200).text(), "open");
    }
    host.logged("the handler `held` blocked its thread for").await;
    let metric = r#"plugin_host_long_polls_total{endpoint="GET /held",plugin="blocks"}"#;
    assert_eq!(host.metric(metric).await, n_calls as f64);
    assert!(host.plugin("blocks").await["long_polls"].as_u64().unwrap() >= n_calls as u64);
    let shown = host.command(&["show", "blocks"]).await;
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("the log names the handlers that block"), "{shown}");
}

#[tokio::test]
async fn the_caller_of_a_blocked_handler_is_answered_at_the_deadline_and_the_thread_keeps_the_library() {
    let host = TestHost::start().await;
    host.load("blocks").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let call = host.anonymous().request("POST", &endpoint("blocks/read")).body(address.as_bytes());
    let (answer, connection) = tokio::join!(call.send(), listener.accept());
    assert_eq!(answer.expect(504).code(), "plugin_timed_out");

    host.post("/api/plugins/blocks/reload").await.expect(200);
    host.logged("still blocks the thread `blocks-block`").await;
    let phase = || async { host.plugin("blocks").await["generations"][0]["phase"].as_str().unwrap().to_owned() };
    assert_ne!(phase().await, "unmapped");

    drop(connection);
    eventually("the library is unmapped", || async { phase().await == "unmapped" }).await;
}

#[tokio::test]
async fn a_plain_handler_runs_on_a_thread_of_its_plugin_unless_it_says_that_it_does_not_block() {
    let host = TestHost::start().await;
    host.load("blocks").await;
    assert_eq!(host.call("blocks/threads").await.expect(200).text(), "blocks-block");
    assert_ne!(host.call("blocks/worker").await.expect(200).text(), "blocks-block");

    let panicked = host.call("blocks/panic").await.expect(500);
    assert_eq!(panicked.code(), "plugin_panicked");
    let line = host.logged(panicked.header("x-request-id").unwrap()).await;
    assert!(line.contains("a plain handler panics at src/lib.rs:"), "{line}");

    let logged = host.call("blocks/log").await.expect(204);
    let line = host.logged("a plain handler logs").await;
    assert!(line.contains(logged.header("x-request-id").unwrap()), "{line}");
}
