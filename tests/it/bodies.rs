//! Bodies, in both directions: as they come, as far as they may, and no further.

use crate::host::{TestHost, endpoint, eventually};

#[tokio::test]
async fn a_body_streams_through_a_plugin_in_both_directions_at_once() {
    let host = TestHost::start().await;
    host.load("echo").await;
    let mut call = host.anonymous().begin("POST", &endpoint("echo/body")).await;
    let head = call.head(false).await;
    assert_eq!((head.status, head.header("x-method")), (200, Some("POST")));
    for number in 0..100 {
        let chunk = format!("chunk {number}");
        call.send_chunk(chunk.as_bytes()).await;
        assert_eq!(call.chunk().await.unwrap(), chunk.as_bytes());
    }
    call.end().await;
    assert_eq!(call.chunk().await, None);
    assert!(call.is_whole());
}

#[tokio::test]
async fn a_large_body_passes_without_being_kept() {
    const CHUNK: usize = 1 << 20;
    const N_CHUNKS: usize = 256;
    let host = TestHost::start().await;
    host.load("echo").await;
    let before = host.resident_bytes();
    let mut call = host.anonymous().begin("POST", &endpoint("echo/body")).await;
    call.head(false).await;
    let chunk: Vec<u8> = (0..CHUNK).map(|at| (at % 251) as u8).collect();
    let mut sum = 0_u64;
    for _ in 0..N_CHUNKS {
        call.send_chunk(&chunk).await;
        let mut n_bytes = 0;
        while n_bytes < CHUNK {
            let back = call.chunk().await.unwrap();
            assert_eq!(back, chunk[n_bytes..n_bytes + back.len()]);
            n_bytes += back.len();
        }
        sum += n_bytes as u64;
    }
    call.end().await;
    assert_eq!((call.chunk().await, call.is_whole(), sum), (None, true, (CHUNK * N_CHUNKS) as u64));
    let grown = host.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "the host grew by {grown} bytes");
}

#[tokio::test]
async fn an_endless_response_continues_while_it_is_read_and_ends_with_the_caller() {
    const WANTED: u64 = 3 << 30;
    let host = TestHost::start().await;
    host.load("endless-stream").await;
    let mut call = host.anonymous().request("GET", &endpoint("endless-stream/zeros")).open().await;
    call.head(false).await;
    assert_eq!(host.call("endless-stream/open").await.text(), "1");
    let before = host.resident_bytes();
    let mut n_bytes = 0;
    while n_bytes < WANTED {
        n_bytes += call.chunk().await.unwrap().len() as u64;
    }
    let grown = host.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "the host grew by {grown} bytes");
    drop(call);
    eventually("the stream was dropped", || async { host.call("endless-stream/open").await.text() == "0" }).await;

    // A caller who stays but does not read holds up the stream and nothing else.
    let mut idle = host.anonymous().request("GET", &endpoint("endless-stream/zeros")).open().await;
    idle.head(false).await;
    assert_eq!(host.call("endless-stream/open").await.text(), "1");
    let grown = host.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "the host grew by {grown} bytes");
}

#[tokio::test]
async fn a_body_over_the_endpoints_limit_is_refused_however_it_comes() {
    let host = TestHost::start().await;
    host.load("echo").await;
    let client = host.anonymous();
    let post = |n_bytes: usize| client.request("POST", &endpoint("echo/small")).body(&vec![b'x'; n_bytes]).send();
    assert_eq!(post(0).await.expect(200).text(), "0");
    assert_eq!(post(1000).await.expect(200).text(), "1000");
    let refused = post(1001).await.expect(413);
    assert_eq!(refused.code(), "body_too_large");
    assert!(refused.text().contains("1000 bytes"), "{}", refused.text());

    // Announced: the answer comes before the body.
    let mut call = client.connect().await;
    call.send(
        format!("POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n", endpoint("echo/small"))
            .as_bytes(),
    )
    .await;
    assert_eq!(call.head(false).await.status, 413);

    // Not announced: it is counted.
    for (n_chunks, status) in [(10, 200), (11, 413)] {
        let mut call = client.begin("POST", &endpoint("echo/small")).await;
        for _ in 0..n_chunks {
            call.send_chunk(&[b'x'; 100]).await;
        }
        if status == 200 {
            call.end().await;
        }
        assert_eq!(call.head(false).await.status, status, "{n_chunks}");
    }
    let failed = host.metric(r#"plugin_host_request_errors_total{endpoint="POST /small",plugin="echo"}"#).await;
    assert_eq!(failed, 0.0, "what the caller did wrong is not the plugin's error");
}

#[tokio::test]
async fn a_caller_who_disconnects_during_a_body_affects_nothing_else() {
    let host = TestHost::start().await;
    host.load("slow").await;
    for path in ["wait", "stream"] {
        let call = crate::reload::begin_slow_call(&host, path).await;
        drop(call);
        eventually("the call has ended", || async {
            host.metric(r#"plugin_host_in_flight_requests{plugin="slow"}"#).await == 0.0
        })
        .await;
    }
    host.call("slow/generation").await.expect(200);
    assert_eq!(host.plugin("slow").await["status"]["health"], "healthy");
}

#[tokio::test]
async fn a_connection_serves_one_request_after_another() {
    let host = TestHost::start().await;
    host.load("echo").await;
    let mut connection = host.connect().await;
    let request = format!("POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\nhi", endpoint("echo/body"));
    for _ in 0..3 {
        connection.send(request.as_bytes()).await;
        assert_eq!(connection.head(false).await.status, 200);
        assert_eq!(connection.rest().await, b"hi");
    }
    connection.send(request.repeat(2).as_bytes()).await;
    for _ in 0..2 {
        assert_eq!(connection.head(false).await.status, 200);
        assert_eq!(connection.rest().await, b"hi");
    }
}

#[tokio::test]
async fn a_body_that_no_route_reads_is_refused_and_changes_nothing() {
    let host = TestHost::start().await;
    host.load("echo").await;
    let disable = |body: &'static str| host.request("POST", "/api/plugins/echo/disable").body(body.as_bytes()).send();
    for body in [r#"{"reason": "maintenance"}"#, "reason=maintenance", "[]"] {
        let refused = disable(body).await.expect(400);
        assert_eq!(refused.code(), "body_unexpected");
        let fix = refused.json()["fix"].as_str().unwrap().to_owned();
        assert!(fix.starts_with("leave the body out; send `") && fix.contains("`reason`"), "{fix}");
    }
    assert_eq!(host.plugin("echo").await["enabled"], true);
    for body in ["{}", " {} \n", "null", ""] {
        disable(body).await.expect(200);
    }
    assert_eq!(host.plugin("echo").await["enabled"], false);
}
