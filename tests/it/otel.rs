//! Spans of requests reach a collector, with the ids that plugins and logs have.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::host::{TestHost, endpoint};

/// Takes what is sent to it, and hands on each span.
async fn collector() -> (String, mpsc::UnboundedReceiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (spans, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let spans = spans.clone();
            tokio::spawn(async move { take(BufReader::new(stream), &spans).await });
        }
    });
    (address, received)
}

/// Answers the requests of one connection.
async fn take(mut stream: BufReader<TcpStream>, spans: &mpsc::UnboundedSender<Value>) {
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
        }
        assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        let sent: Value = serde_json::from_slice(&body).unwrap();
        let resource = &sent["resourceSpans"][0];
        assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "plugin-host");
        for span in resource["scopeSpans"][0]["spans"].as_array().unwrap() {
            spans.send(span.clone()).unwrap();
        }
        stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
    }
}

#[tokio::test]
async fn a_call_arrives_at_the_collector_as_a_span_of_its_trace() {
    let (address, mut spans) = collector().await;
    let host = TestHost::with(&["--otlp-endpoint", &address]).await;
    host.load("services").await;
    let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = host.anonymous().request("GET", &endpoint("services/me")).header("traceparent", sent);
    let seen = request.header("x-request-id", "my-call").send().await.expect(200).json()["traceparent"].clone();
    let span = loop {
        let span = spans.recv().await.unwrap();
        if span["traceId"] == "4bf92f3577b34da6a3ce929d0e0e4736" {
            break span;
        }
    };
    assert_eq!((&span["name"], &span["parentSpanId"]), (&json!("GET /me"), &json!("00f067aa0ba902b7")));
    assert_eq!(seen, json!(format!("00-4bf92f3577b34da6a3ce929d0e0e4736-{}-01", span["spanId"].as_str().unwrap())));
    let attributes = span["attributes"].to_string();
    assert!(attributes.contains("my-call") && attributes.contains("services"), "{attributes}");

    // A trace that begins here is recorded, of the management API too; one that its sender does not record is not.
    let unsampled = "00-11111111111111111111111111111111-00f067aa0ba902b7-00";
    host.anonymous().request("GET", &endpoint("services/me")).header("traceparent", unsampled).send().await.expect(200);
    host.get("/api/plugins").await.expect(200);
    // They come in order.
    loop {
        let span = spans.recv().await.unwrap();
        assert_ne!(span["traceId"], "11111111111111111111111111111111");
        if span["name"] == "GET plugin_list" {
            break;
        }
    }
}

#[tokio::test]
async fn a_collector_that_is_not_there_holds_up_nothing() {
    let host = TestHost::with(&["--otlp-endpoint", "http://127.0.0.1:1"]).await;
    host.load("hello").await;
    for _ in 0..20 {
        host.call("hello/hello").await.expect(200);
    }
    host.logged("spans did not reach the collector").await;
    host.stop();
}
