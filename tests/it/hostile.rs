//! Malformed requests: each gets an error response or a closed connection, and the next request is served.

use crate::client::Connection;
use crate::host::{TestHost, endpoint, eventually};
use crate::http2_client::Http2;
use crate::reload::begin_slow_call;

#[tokio::test]
async fn ambiguous_paths_are_rejected() {
    let host = TestHost::start().await;
    host.load("echo").await;
    let client = host.anonymous();
    for (path, status, code) in [
        ("echo/files/../../../etc/passwd", 400, "endpoint_path"),
        ("echo/files/%2e%2e/x", 400, "endpoint_path"),
        ("echo/files/a%2fb", 400, "endpoint_path"),
        ("echo/files/a%5cb", 400, "endpoint_path"),
        ("echo/files/a%00b", 400, "endpoint_path"),
        ("echo/files/%ff", 400, "endpoint_path"),
        ("echo/files/%zz", 400, "endpoint_path"),
        ("echo", 404, "endpoint_unknown"),
        ("echo/", 404, "endpoint_unknown"),
        ("echo//request", 404, "endpoint_unknown"),
        ("echo/request/", 404, "endpoint_unknown"),
        ("echo/Request", 404, "endpoint_unknown"),
        ("Echo/request", 404, "plugin_unknown"),
        ("%65cho/request", 404, "plugin_unknown"),
        ("../plugins/echo", 404, "plugin_unknown"),
        ("", 404, "plugin_unknown"),
        ("/request", 404, "plugin_unknown"),
        ("..%2f..%2fetc/passwd", 404, "plugin_unknown"),
        ("echo/files/a;b", 400, "endpoint_path"),
        ("echo;x/request", 404, "plugin_unknown"),
    ] {
        let answer = client.get(&endpoint(path)).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}");
    }
    let nobody = client.get(&endpoint("")).await.json();
    assert!(nobody["detail"].as_str().unwrap().starts_with("the path contains no plugin id"), "{nobody}");
    let long = client.get(&endpoint(&format!("{}/x", "a".repeat(6_000)))).await.expect(404);
    assert!(long.json()["detail"].as_str().unwrap().len() < 200, "the id is given back whole");
    client.get("/api/plugin-endpoints").await.expect(404);
    client.get("//api/plugins").await.expect(404);
    client.get("/").await.expect(404);
    assert_eq!(client.request("PUT", "/api/plugins").send().await.expect(405).code(), "route_method");
}

#[tokio::test]
async fn malformed_requests_are_answered_with_an_error_or_closed() {
    let host = TestHost::start().await;
    host.load("echo").await;
    let body = endpoint("echo/body");
    for request in [
        "nonsense\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "\0\u{1}\u{2}\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSX\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nhost x\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nhost: localhost\r\nbad name: 1\r\n\r\n".to_owned(),
        format!("GET {body} HTTP/1.1\r\nhost: localhost\r\nx: a\0b\r\n\r\n"),
        format!("POST {body} HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n"),
        format!("POST {body} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999999999999\r\n\r\n"),
        format!("POST {body} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
        format!("POST {body} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n"),
        format!("GET {body} HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "a".repeat(1 << 20)),
        format!("GET {body}{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(1 << 20)),
        format!("GET {body} HTTP/1.1\r\n{}\r\n", "x: 1\r\n".repeat(10_000)),
    ] {
        let mut connection = host.connect().await;
        // The host may close the connection before it has read everything.
        connection.send_if_taken(request.as_bytes()).await;
        let shown: String = request.chars().take(60).collect();
        if let Some(answer) = connection.try_head(false).await {
            assert!((400..600).contains(&answer.status), "{shown:?}: {}", answer.status);
        }
        connection.closed().await;
        host.call("echo/request").await.expect(200);
    }
}

#[tokio::test]
async fn a_smuggled_request_is_not_served() {
    let host = TestHost::start().await;
    host.load("echo").await;
    let body = endpoint("echo/body");
    let smuggled = format!("GET {} HTTP/1.1\r\nhost: localhost\r\n\r\n", endpoint("echo/request"));
    let head = format!("POST {body} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n", smuggled.len() + 5);
    let mut connection = host.connect().await;
    connection.send(format!("{head}transfer-encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}").as_bytes()).await;
    let first = connection.head(false).await;
    // Either the chunked body counts and the connection ends after its response, or the request is rejected.
    assert!(matches!(first.status, 200 | 400), "{}", first.status);
    connection.rest().await;
    let rest = String::from_utf8_lossy(&connection.closed().await).into_owned();
    assert_eq!(rest, "", "the smuggled request was answered");
    for chunk in ["zz\r\n", "-1\r\n", "ffffffffffffffffff\r\n", "5\r\nab\r\n0\r\n\r\n"] {
        let mut connection = host.anonymous().begin("POST", &body).await;
        connection.send(chunk.as_bytes()).await;
        if connection.try_head(false).await.is_some() {
            connection.rest().await;
            connection.closed().await;
        }
    }
    host.call("echo/request").await.expect(200);
}

#[tokio::test]
async fn a_connection_with_an_incomplete_head_is_closed_while_others_are_served() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let mut slow = Vec::new();
    for beginning in ["", "GET /health", "GET /health/live HTTP/1.1\r\nhost: localhost\r\nx-slow: "] {
        let mut connection = host.connect().await;
        connection.send(beginning.as_bytes()).await;
        slow.push(connection);
    }
    host.call("hello/hello").await.expect(200);
    for mut connection in slow {
        let said = connection.closed().await;
        assert!(!String::from_utf8_lossy(&said).contains("200 OK"));
    }
}

#[tokio::test]
async fn at_the_connection_limit_idle_connections_are_evicted_and_busy_ones_are_not() {
    let host = TestHost::with(&["--max-connections", "2"]).await;
    let request = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let asked = async || {
        let mut connection = host.connect().await;
        connection.send(request).await;
        assert_eq!(connection.head(false).await.status, 200);
        connection.rest().await;
        connection
    };
    let (mut first, _second) = (asked().await, asked().await);
    // The oldest idle connection is evicted.
    let _third = asked().await;
    assert_eq!(first.closed().await, b"");

    host.load("slow").await;
    let mut calls = [begin_slow_call(&host, "wait").await, begin_half(&host).await];
    let mut fourth = host.connect().await;
    fourth.send(request).await;
    let [wait, half] = &mut calls;
    wait.end().await;
    assert_eq!(wait.head(false).await.status, 200);
    wait.rest().await;
    half.end().await;
    half.rest().await;
    assert!(half.is_whole());
    assert_eq!(fourth.head(false).await.status, 200);
}

#[tokio::test]
async fn health_and_management_are_reachable_while_all_connections_are_busy() {
    let host = TestHost::with(&["--max-connections", "2"]).await;
    host.load("slow").await;
    let mut calls = [begin_slow_call(&host, "wait").await, begin_half(&host).await];
    for _ in 0..3 {
        for path in ["/health/live", "/health/ready", "/metrics"] {
            host.anonymous().get(path).await.expect(200);
        }
        host.get("/api/plugins").await.expect(200);
    }
    // A reserved place is for one request.
    let mut reserved = host.connect().await;
    reserved.send(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    let answer = reserved.head(false).await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
    let client = Http2::connect(host.address).await;
    client.get("/health/live").await.expect(200);
    client.closed().await.unwrap();
    let refused = host.call("slow/generation").await.expect(503);
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("connections_in_use", Some("1")));
    let stream = host.request("GET", "/api/events").header("accept", "text/event-stream").send().await.expect(503);
    assert_eq!(stream.code(), "connections_in_use");
    // Clients that send nothing do not keep the reserved places.
    let mut silent = Vec::new();
    for _ in 0..40 {
        silent.push(host.connect().await);
    }
    host.anonymous().get("/health/live").await.expect(200);

    let [wait, half] = &mut calls;
    wait.end().await;
    assert_eq!(wait.head(false).await.status, 200);
    wait.rest().await;
    eventually("calls are served again", async || host.call("slow/generation").await.status == 200).await;
    half.end().await;
    half.rest().await;
    assert!(half.is_whole());
}

/// Starts a call that is active until its request body ends.
async fn begin_half(host: &TestHost) -> Connection {
    let mut call = host.anonymous().begin("POST", &endpoint("slow/stream")).await;
    assert_eq!(call.head(false).await.status, 200);
    assert_eq!(call.chunk().await.unwrap(), b"1\n");
    call
}

#[tokio::test]
async fn invalid_bodies_of_the_management_api_are_rejected() {
    let host = TestHost::start().await;
    for (body, status, code) in [
        ("{", 400, "body_not_json"),
        ("[]", 400, "body_does_not_fit"),
        ("{}", 400, "body_does_not_fit"),
        (r#"{"source": 7}"#, 400, "body_does_not_fit"),
        (r#"{"source": "/x", "config": []}"#, 400, "body_does_not_fit"),
        (r#"{"source": "/x\u0000"}"#, 400, "source_malformed"),
        (r#"{"source": "/x", "version": "v1"}"#, 400, "source_version"),
    ] {
        let answer = host.request("POST", "/api/plugins/load").body(body.as_bytes()).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{body}: {}", answer.text());
    }
    let deep = format!("{{\"source\": \"/x\", \"config\": {{\"a\": {}", "[".repeat(100_000));
    assert_eq!(
        host.request("POST", "/api/plugins/load").body(deep.as_bytes()).send().await.expect(400).code(),
        "body_not_json"
    );
    // Announced and not sent: the response to a client that is still sending can be lost with the connection.
    let large = host.request("POST", "/api/plugins/load").header("content-length", "2000000").send().await;
    assert_eq!(large.expect(413).code(), "body_too_large");
    assert_eq!(host.get("/api/plugins/nothing/logs?from=x").await.expect(400).code(), "query_does_not_fit");
    for id in ["..", "%2e%2e", "a%2fb", "a%00b", "%ff", "api", "UPPER", "x".repeat(5_000).as_str()] {
        let answer = host.get(&format!("/api/plugins/{id}")).await;
        assert!(matches!(answer.status, 400 | 404), "{id}: {}", answer.status);
    }
}
