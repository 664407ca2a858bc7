//! Health probes are answered while slow clients use up all connections.

use crate::host::TestHost;

#[tokio::test]
async fn probes_are_answered_while_all_connections_have_incomplete_requests() {
    let host = TestHost::options().with_files(300).start().await;
    host.logged("open files leaves room for").await;
    let mut slow = vec![];
    for _ in 0..300 {
        let mut connection = host.connect().await;
        let beginning = "POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{";
        connection.send_if_taken(beginning.as_bytes()).await;
        slow.push(connection);
    }
    for _ in 0..20 {
        host.anonymous().get("/health/live").await.expect(200);
    }
    assert_evicted(&host).await;
}

#[tokio::test]
async fn probes_are_answered_while_slow_clients_hold_all_connections() {
    let host = TestHost::options().with_files(300).start().await;
    host.logged("open files leaves room for").await;
    let mut slow = vec![];
    for number in 0..300 {
        let mut connection = host.connect().await;
        let beginning = [
            "",
            "GET /health",
            "GET /health/live HTTP/1.1\r\nhost: localhost\r\nx: ",
            "POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{",
        ][number % 4];
        connection.send_if_taken(beginning.as_bytes()).await;
        slow.push(connection);
        if number % 10 == 0 {
            host.anonymous().get("/health/live").await.expect(200);
        }
    }
    for _ in 0..50 {
        host.anonymous().get("/health/live").await.expect(200);
    }
    assert_evicted(&host).await;
    assert!(!host.log().contains("failed to accept"), "the host ran out of files");
}

/// The probes had room because slow clients were evicted, not because their timeouts had passed.
async fn assert_evicted(host: &TestHost) {
    assert!(host.metric("plugin_host_connections_evicted_total").await > 0.0);
}
