//! HTTP/2 clients that stop, do not read, or flood the host. Each is ended within the limits of docs/deployment.md while
//! others are served.

use std::collections::BTreeSet;

use crate::host::{TestHost, endpoint, eventually};
use crate::http2_client::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frames, GOAWAY, HEADERS, Http2, PING, PRIORITY, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, frame, head,
};

/// Error code of a connection that was closed because its client sent too much of something.
const ENHANCE_YOUR_CALM: u32 = 11;

#[tokio::test]
async fn clients_that_stop_within_a_frame_are_disconnected() {
    let flags = ["--body-idle-timeout-seconds", "1", "--answer-timeout-seconds", "1", "--debug"];
    let host = TestHost::with(&flags).await;
    host.load("slow").await;
    let request = |stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, &head("GET", "/health/live"));
    let next = request(3);
    let unended = frame(HEADERS, END_STREAM, 3, &head("GET", "/health/live"));
    let ping = frame(PING, 0, 0, &[0; 8]);
    let mut stalled = Vec::new();
    for before in [vec![], request(1)] {
        for beginning in [&next[..5], &next[..20], &unended, &ping[..12]] {
            let mut frames = Frames::connect(host.address).await;
            frames.send_if_taken(&[&before, beginning].concat()).await;
            stalled.push(frames);
        }
    }
    // Within the frame of a body.
    let mut body = Frames::connect(host.address).await;
    let call = frame(HEADERS, END_HEADERS, 1, &head("POST", &endpoint("slow/wait")));
    body.send_if_taken(&[call, frame(DATA, 0, 1, &[0; 100])[..20].to_vec()].concat()).await;
    // Within the preface.
    let mut preface = host.connect().await;
    preface.send(b"PRI * HTTP/2.0\r\n\r\nSM").await;

    host.anonymous().get("/health/live").await.expect(200);
    Http2::connect(host.address).await.get("/health/live").await.expect(200);
    for mut frames in stalled {
        frames.closed().await;
    }
    preface.closed().await;
    // The call is answered before the connection is closed.
    while !matches!(body.next().await.unwrap(), (HEADERS, 1, _)) {}
    body.closed().await;
    eventually("no call is in flight", async || {
        host.metric("plugin_host_in_flight_requests{plugin=\"slow\"}").await == 0.0
    })
    .await;
    eventually("no connection is left", async || host.metric("plugin_host_connections").await <= 1.0).await;
    host.logged("the client sent no request in time").await;
    host.logged("keep-alive timed out").await;
}

#[tokio::test]
async fn streams_without_a_window_are_reset() {
    let host = TestHost::with(&["--answer-timeout-seconds", "1", "--debug"]).await;
    host.load("large-body").await;
    host.load("endless-stream").await;
    let mut frames = Frames::connect(host.address).await;
    // SETTINGS_INITIAL_WINDOW_SIZE
    frames.send_if_taken(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])).await;
    let paths = [
        "/health/live".to_owned(),
        "/openapi.json".to_owned(),
        endpoint("large-body/body"),
        endpoint("endless-stream/zeros"),
    ];
    for (number, path) in (0..).zip(&paths) {
        let request = frame(HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &head("GET", path));
        frames.send_if_taken(&request).await;
    }
    let mut reset = BTreeSet::new();
    while reset.len() < paths.len() {
        if let (RST_STREAM, stream, _) = frames.next().await.unwrap() {
            reset.insert(stream);
        }
    }
    host.logged("the client stopped reading the response").await;
    assert_eq!(host.call("endless-stream/open").await.text(), "0");
    // The connection serves requests whose responses need no window.
    let request = frame(HEADERS, END_HEADERS | END_STREAM, 9, &head("HEAD", "/health/live"));
    frames.send_if_taken(&request).await;
    while !matches!(frames.next().await.unwrap(), (HEADERS, 9, _)) {}
}

#[tokio::test]
async fn headers_that_grow_when_they_are_decoded_occupy_no_memory() {
    let host = TestHost::start().await;
    let before = host.resident_bytes();
    let mut clients = Vec::new();
    for _ in 0..10 {
        // Literal with indexing: `x` with 4,000 bytes. The index of this entry takes one byte.
        let entry = [&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &[b'a'; 4000]].concat();
        let block = [head("GET", "/health/live"), entry, vec![0xbe; 12_000]].concat();
        let request = |n: u32| frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &block);
        let requests = (0..20).flat_map(request).collect::<Vec<_>>();
        let frames = Frames::connect(host.address).await;
        clients.push(tokio::spawn(async move { frames.exchange(&requests).await }));
    }
    host.anonymous().get("/health/live").await.expect(200);
    for client in clients {
        let said = client.await.unwrap();
        // Refused with 431, or with the connection.
        assert!(said.iter().any(|(kind, _)| matches!(*kind, HEADERS | GOAWAY)), "{said:?}");
    }
    let grown = host.resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "the headers occupy {grown} bytes");
}

#[tokio::test]
async fn floods_of_frames_end_the_connection_or_cost_nothing() {
    let host = TestHost::start().await;
    host.load("slow").await;
    let before = host.resident_bytes();
    let path = endpoint("slow/wait");
    let many = |n: u32, one: &dyn Fn(u32) -> Vec<u8>| (0..n).flat_map(one).collect::<Vec<u8>>();
    let opened = |frames: Vec<u8>| [frame(HEADERS, END_HEADERS, 1, &head("POST", &path)), frames].concat();
    let reset = |n: u32| {
        let request = frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &head("GET", "/health/live"));
        [request, frame(RST_STREAM, 0, 2 * n + 1, &8_u32.to_be_bytes())].concat()
    };
    let ended = |flood: &str, said: &[(u8, u32)]| {
        let code = said.iter().find(|(kind, _)| *kind == GOAWAY).map(|(_, code)| *code);
        assert_eq!(code, Some(ENHANCE_YOUR_CALM), "{flood}: {said:?}");
    };
    let exchange = async |bytes: Vec<u8>| Frames::connect(host.address).await.exchange(&bytes).await;
    ended("resets", &exchange(many(10_000, &reset)).await);
    ended("empty data", &exchange(opened(many(100_000, &|_| frame(DATA, 0, 1, b"")))).await);
    let continued = many(10_000, &|_| frame(CONTINUATION, 0, 1, &[0, 1, b'a', 1, b'b']));
    // Each of these is a request that ends because of an error of its client ("made you reset").
    let overflow = |n: u32| {
        let request = frame(HEADERS, END_HEADERS, 2 * n + 1, &head("POST", &path));
        [request, frame(WINDOW_UPDATE, 0, 2 * n + 1, &0x7fff_ffff_u32.to_be_bytes())].concat()
    };
    ended("errors of streams", &exchange(many(10_000, &overflow)).await);
    ended("continuations", &exchange([frame(HEADERS, 0, 1, &head("GET", "/")), continued].concat()).await);
    // Each of these is acknowledged before the next one is read.
    let pings = exchange(many(100_000, &|n| frame(PING, 0, 0, &u64::from(n).to_be_bytes()))).await;
    assert!(pings.iter().filter(|(kind, _)| *kind == PING).count() >= 100_000, "{}", pings.len());
    let settings = exchange(many(100_000, &|_| frame(SETTINGS, 0, 0, b""))).await;
    assert!(settings.iter().filter(|(kind, _)| *kind == SETTINGS).count() >= 100_000, "{}", settings.len());
    // These are ignored.
    for (flood, one) in [
        ("priorities", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1])),
        ("unknown frames", frame(0x42, 0, 0, &[0; 100])),
        ("windows", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
    ] {
        let said = exchange([one.repeat(100_000), frame(PING, 0, 0, &[1; 8])].concat()).await;
        assert!(said.iter().any(|(kind, _)| *kind == PING), "{flood}: {said:?}");
    }
    host.call("slow/generation").await.expect(200);
    let grown = host.resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "the floods occupy {grown} bytes");
}

#[tokio::test]
async fn floods_that_are_not_read_occupy_no_memory() {
    let host = TestHost::with(&["--answer-timeout-seconds", "1"]).await;
    let before = host.resident_bytes();
    let pings = frame(PING, 0, 0, &[0; 8]).repeat(100_000);
    let mut clients = Vec::new();
    for _ in 0..20 {
        let mut frames = Frames::connect(host.address).await;
        let pings = pings.clone();
        // The host stops reading while its acknowledgements are not read, and closes the connection.
        clients.push(tokio::spawn(async move {
            frames.send_if_taken(&pings).await;
            frames.send_if_taken(&pings).await;
            frames
        }));
    }
    for _ in 0..20 {
        host.anonymous().get("/health/live").await.expect(200);
    }
    let grown = host.resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "the floods occupy {grown} bytes");
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn slow_http2_clients_do_not_keep_others_out() {
    let host = TestHost::options().with_files(300).start().await;
    host.logged("open files leaves room for").await;
    let mut slow = Vec::new();
    for number in 0..300_u32 {
        let mut frames = Frames::connect(host.address).await;
        let beginning = match number % 4 {
            0 => vec![],
            1 => frame(HEADERS, 0, 1, &head("GET", "/health")),
            2 => frame(HEADERS, END_HEADERS, 1, &head("POST", "/login")),
            _ => frame(HEADERS, END_HEADERS | END_STREAM, 1, &head("GET", "/health/live")),
        };
        frames.send_if_taken(&beginning).await;
        slow.push(frames);
        if number % 10 == 0 {
            host.anonymous().get("/health/live").await.expect(200);
        }
    }
    for _ in 0..20 {
        host.anonymous().get("/health/live").await.expect(200);
        Http2::connect(host.address).await.get("/health/live").await.expect(200);
    }
    assert!(host.metric("plugin_host_connections_evicted_total").await > 0.0);
}
