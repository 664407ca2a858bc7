//! HTTP/2: with and without TLS, beside HTTP/1 on the same port, within limits, and without a lost stream.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use crate::host::{TestHost, endpoint, eventually};
use crate::http2_client::{
    END_HEADERS, Frames, GOAWAY, HEADERS, Http2, OpenStream, RST_STREAM, frame, head, read, rest,
};

#[tokio::test]
async fn a_connection_without_tls_speaks_the_version_of_its_client() {
    let host = TestHost::with(&["--log-filter", "info,access=debug"]).await;
    host.load("echo").await;
    let client = Http2::connect(host.address).await;
    let seen = client.get(&endpoint("echo/request?q=1")).await.expect(200);
    assert!(seen.header("x-request-id").is_some() && seen.header("date").is_some());
    assert_eq!(seen.json()["query"], "q=1");
    host.logged("version=HTTP/2.0").await;
    host.call("echo/request").await.expect(200);
    host.logged("version=HTTP/1.1").await;
    let by_version = async |version: &str| {
        host.metric(&format!("plugin_host_http_connections_total{{http_version=\"{version}\"}}")).await
    };
    assert_eq!((by_version("1.0").await, by_version("2").await), (0.0, 1.0));
    assert!(by_version("1.1").await >= 2.0);

    let token = host.token.clone().unwrap();
    let list = client.request("GET", "/api/plugins").header("authorization", format!("Bearer {token}"));
    assert_eq!(client.send(list).await.unwrap().expect(200).json()["count"], 1);
    assert_eq!(client.get("/api/plugins").await.expect(401).code(), "auth_token");
    assert_eq!(client.get("/nothing").await.expect(404).code(), "route_unknown");
    let head = client.send(client.request("HEAD", &endpoint("echo/request"))).await.unwrap().expect(200);
    assert!(head.body.is_empty() && head.header("content-length").is_some());
    let token = format!("Bearer {token}");
    let list = client.request("HEAD", "/api/plugins").header("authorization", token);
    assert!(client.send(list).await.unwrap().expect(200).body.is_empty());
    let options = client.send(client.request("OPTIONS", &endpoint("echo/request"))).await.unwrap().expect(204);
    assert!(options.body.is_empty());

    let mut sent = client.open(client.request("POST", &endpoint("echo/body")), false).await.unwrap();
    let body = Bytes::from(vec![b'x'; 300_000]);
    sent.body.reserve_capacity(body.len());
    sent.body.send_data(body.clone(), true).unwrap();
    let answer = read(sent.response).await.unwrap().expect(200);
    assert_eq!((answer.header("x-method"), answer.body.len()), (Some("POST"), body.len()));
}

#[tokio::test]
async fn the_checks_of_requests_apply_to_http2() {
    let host = TestHost::with(&["--trusted-proxy", "127.0.0.0/8"]).await;
    host.load("echo").await;
    let client = Http2::connect(host.address).await;
    let get = |uri: &str| http::Request::builder().uri(uri);
    let path = endpoint("echo/request");
    for (request, status, code) in [
        (get(&format!("http://evil.example{path}")), 421, "host_not_allowed"),
        (get(&format!("http://localhost{path}")).header("host", "evil.example"), 400, "host_differs"),
        (get(&format!("http://u@localhost{path}")), 400, "host_malformed"),
        (client.request("TRACE", &path), 405, "request_method"),
        (client.request("GET", &format!("/{}", "a".repeat(9_000))), 414, "uri_too_long"),
        (client.request("GET", "/api/plugins/../plugins"), 400, "route_path"),
        (
            client.request("POST", "/api/plugins/echo/reload").header("origin", "http://evil.example"),
            403,
            "auth_origin",
        ),
    ] {
        let shown = format!("{request:?}");
        let answer = client.send(request).await.unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{shown}");
        assert_eq!(answer.header("connection"), None);
    }
    client.send(get("http://evil.example/health/live")).await.unwrap().expect(200);
    let own = client.request("POST", "/api/plugins/echo/reload").header("origin", format!("http://{}", host.address));
    assert_eq!(client.send(own).await.unwrap().expect(401).code(), "auth_token");

    let request = client.request("GET", &path).header("te", "trailers").header("x-own", "1");
    let request = request.header("cookie", "a=1").header("cookie", "plugin_host_x=2").header("cookie", "b=3");
    let seen = client.send(request.header("x-forwarded-for", "203.0.113.9")).await.unwrap().expect(200).json();
    let of = |name: &str| {
        let all = seen["headers"].as_array().unwrap().iter().filter(|pair| pair[0] == name);
        all.map(|pair| pair[1].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((of("te"), of("x-own"), of("cookie")), (vec![], vec!["1".to_owned()], vec!["a=1; b=3".to_owned()]));
    assert_eq!(of("host"), [host.address.to_string()]);
    assert_eq!(seen["peer"], "203.0.113.9:0");

    // Trailers are dropped.
    let mut sent = client.open(client.request("POST", &endpoint("echo/small")), false).await.unwrap();
    sent.body.send_data(Bytes::from_static(b"abc"), false).unwrap();
    sent.body
        .send_trailers([(http::HeaderName::from_static("x-t"), "1".parse().unwrap())].into_iter().collect())
        .unwrap();
    assert_eq!(read(sent.response).await.unwrap().expect(200).text(), "3");
    let large = client.request("GET", &path).header("x", "a".repeat(20_000));
    assert_eq!(client.send(large).await.unwrap().status, 431);
}

#[tokio::test]
async fn curl_speaks_http2() {
    let version = std::process::Command::new("curl").arg("--version").output();
    if !version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("HTTP2")) {
        eprintln!("skipped: there is no curl with HTTP/2");
        return;
    }
    let host = TestHost::start().await;
    host.load("echo").await;
    let url = format!("http://{}{}", host.address, endpoint("echo/body"));
    let words = ["-sS", "--http2-prior-knowledge", "-w", " %{http_version} %{http_code}", "-d", "some text", &url];
    let mut curl = std::process::Command::new("curl");
    curl.args(words);
    let output = tokio::task::spawn_blocking(move || curl.output().unwrap()).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "some text 2 200", "{output:?}");
}

#[tokio::test]
async fn concurrent_requests_of_a_connection_are_limited() {
    let host = TestHost::with(&["--max-http2-streams", "2"]).await;
    host.load("slow").await;
    let client = Http2::connect(host.address).await;
    // Once the host's settings have arrived, the client keeps to them.
    client.get("/health/live").await.expect(200);
    let mut first = open_slow(&client).await;
    let _second = open_slow(&client).await;
    let third = tokio::spawn({
        let request = client.open(client.request("GET", &endpoint("slow/generation")), true);
        let third = request.await.unwrap();
        async move { read(third.response).await.unwrap().expect(200).text() }
    });
    eventually("both calls run", || async { host.call("slow/started").await.text() == "2" }).await;
    assert!(!third.is_finished(), "a third request was served beside two others");
    first.body.send_data(Bytes::new(), true).unwrap();
    assert_eq!(read(first.response).await.unwrap().expect(200).text(), "1");
    assert_eq!(third.await.unwrap(), "1");

    // A client that does not keep to them gets its streams refused.
    let heads = (0..50).flat_map(|n| frame(HEADERS, END_HEADERS, 2 * n + 1, &head("POST", &endpoint("slow/wait"))));
    let said = Frames::connect(host.address).await.exchange(&heads.collect::<Vec<_>>()).await;
    assert!(said.iter().any(|(kind, _)| matches!(*kind, RST_STREAM | GOAWAY)), "{said:?}");
    host.call("slow/generation").await.expect(200);
}

/// Begins a call of the plugin `slow` that lasts until its body ends.
async fn open_slow(client: &Http2) -> OpenStream {
    client.open(client.request("POST", &endpoint("slow/wait")), false).await.unwrap()
}

#[tokio::test]
async fn a_stalled_stream_is_closed_and_the_others_are_served() {
    let host = TestHost::with(&["--body-idle-timeout-seconds", "1", "--answer-timeout-seconds", "1"]).await;
    host.load("endless-stream").await;
    host.load("echo").await;
    let client = Http2::connect(host.address).await;
    let unread = client.open(client.request("GET", &endpoint("endless-stream/zeros")), true).await.unwrap();
    let (head, mut unread) = unread.response.await.unwrap().into_parts();
    assert_eq!(head.status, 200);
    let request = client.request("POST", &endpoint("echo/small")).header("content-length", "100");
    let body = client.open(request, false).await.unwrap();
    let late = read(body.response).await.unwrap().expect(408);
    assert_eq!(late.code(), "body_too_slow");
    let open = async || client.get(&endpoint("endless-stream/open")).await.expect(200).text();
    eventually("the stream that nobody reads is given up", async || open().await == "0").await;
    let error = rest(&mut unread).await.unwrap_err();
    assert!(error.is_reset() && error.is_remote(), "{error}");
    client.get("/health/live").await.expect(200);
}

#[tokio::test]
async fn a_large_response_that_nobody_reads_is_given_up() {
    let host = TestHost::with(&["--answer-timeout-seconds", "1", "--debug"]).await;
    host.load("large-body").await;
    let client = Http2::connect(host.address).await;
    let path = endpoint("large-body/body");
    let unread = client.open(client.request("GET", &path), true).await.unwrap().response.await.unwrap();
    assert_eq!(client.get(&path).await.expect(200).body.len(), 8 << 20);
    host.logged("the client stopped reading the response").await;
    assert!(rest(&mut unread.into_body()).await.unwrap_err().is_reset());
}

#[tokio::test]
async fn a_reload_under_http2_load_loses_no_stream() {
    let host = TestHost::start().await;
    host.load("slow").await;
    let client = Arc::new(Http2::connect(host.address).await);
    let mut waiting = open_slow(&client).await;
    let stream = client.request("POST", &endpoint("slow/stream"));
    let mut streaming = client.open(stream, false).await.unwrap();
    eventually("both calls run", || async { host.call("slow/started").await.text() == "2" }).await;
    let n_answered = Arc::new(AtomicUsize::new(0));
    let is_over = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let load: Vec<_> = (0..16)
        .map(|_| {
            let (client, n_answered, is_over) = (client.clone(), n_answered.clone(), is_over.clone());
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    client.get(&endpoint("slow/generation")).await.expect(200);
                    n_answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for _ in 0..3 {
        let before = n_answered.load(Ordering::Relaxed);
        host.post("/api/plugins/slow/reload").await.expect(200);
        eventually("the load goes on", async || n_answered.load(Ordering::Relaxed) > before + 100).await;
    }
    is_over.store(true, Ordering::Relaxed);
    for client in load {
        client.await.unwrap();
    }
    waiting.body.send_data(Bytes::new(), true).unwrap();
    assert_eq!(read(waiting.response).await.unwrap().expect(200).text(), "1");
    streaming.body.send_data(Bytes::new(), true).unwrap();
    assert_eq!(read(streaming.response).await.unwrap().expect(200).text(), "1\n1\n");
    // The connection was not told to end.
    assert_eq!(client.get(&endpoint("slow/generation")).await.text(), "4");
}

#[tokio::test]
async fn streams_that_outlast_the_drain_are_cancelled_and_their_connection_stays() {
    let host = TestHost::with(&["--drain-timeout-seconds", "1"]).await;
    host.load("slow").await;
    let client = Http2::connect(host.address).await;
    let waiting = open_slow(&client).await;
    let stream = client.request("POST", &endpoint("slow/stream"));
    let streaming = client.open(stream, false).await.unwrap();
    let mut stream = streaming.response.await.unwrap().into_body();
    assert_eq!(stream.data().await.unwrap().unwrap(), "1\n");

    host.post("/api/plugins/slow/reload").await.expect(200);
    let cut = read(waiting.response).await.unwrap().expect(503);
    assert_eq!((cut.code().as_str(), cut.header("retry-after")), ("plugin_replaced", Some("1")));
    let error = rest(&mut stream).await.unwrap_err();
    assert!(error.is_reset() && error.is_remote(), "{error}");
    host.logged("generation 1 stops").await;
    assert_eq!(client.get(&endpoint("slow/generation")).await.expect(200).text(), "2");
}

#[tokio::test]
async fn at_shutdown_streams_finish_and_the_connection_is_closed_in_order() {
    let host = TestHost::start().await;
    host.load("slow").await;
    let client = Http2::connect(host.address).await;
    let idle = Http2::connect(host.address).await;
    idle.get("/health/live").await.expect(200);
    let mut waiting = open_slow(&client).await;
    eventually("the call runs", || async { host.call("slow/started").await.text() == "1" }).await;
    host.terminate();
    idle.closed().await.unwrap();
    // The host has said that it goes.
    eventually("no request is accepted", async || client.send(client.request("GET", "/health")).await.is_err()).await;
    waiting.body.send_data(Bytes::new(), true).unwrap();
    assert_eq!(read(waiting.response).await.unwrap().expect(200).text(), "1");
    client.closed().await.unwrap();
    host.stop();
}

#[tokio::test]
async fn connections_end_at_their_maximum_age_after_their_requests() {
    let host = TestHost::with(&["--max-connection-age-seconds", "1"]).await;
    host.load("slow").await;
    let client = Http2::connect(host.address).await;
    let mut waiting = open_slow(&client).await;
    let mut old = host.connect().await;
    let request = format!("GET {} HTTP/1.1\r\nhost: localhost\r\n\r\n", endpoint("slow/generation"));
    // A connection that is busy until it is too old announces its end.
    loop {
        old.send(request.as_bytes()).await;
        let head = old.head(false).await;
        assert_eq!((head.status, old.rest().await), (200, b"1".to_vec()));
        if head.header("connection") == Some("close") {
            break;
        }
    }
    assert_eq!(old.closed().await, b"");
    eventually("no request is accepted", async || client.send(client.request("GET", "/health")).await.is_err()).await;
    waiting.body.send_data(Bytes::new(), true).unwrap();
    assert_eq!(read(waiting.response).await.unwrap().expect(200).text(), "1");
    client.closed().await.unwrap();

    // An idle connection is closed.
    let idle = Http2::connect(host.address).await;
    idle.get("/health/live").await.expect(200);
    idle.closed().await.unwrap();
}
