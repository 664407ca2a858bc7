//! Defenses of the HTTP server: ambiguous requests, endless clients, and response headers of plugins.

use serde_json::{Value, json};

use crate::client::{Answer, Connection};
use crate::host::{Options, TestHost, endpoint, eventually};

/// Sends bytes and reads one response with its body.
async fn send(host: &TestHost, bytes: &str) -> (Answer, Connection) {
    let mut connection = host.connect().await;
    connection.send_if_taken(bytes.as_bytes()).await;
    let mut answer = connection.head(bytes.starts_with("HEAD")).await;
    answer.body = connection.rest().await;
    (answer, connection)
}

#[tokio::test]
async fn a_request_must_name_exactly_one_allowed_host() {
    let host = TestHost::with(&["--allowed-host", "plugins.example", "--allowed-host", "*.apps.example"]).await;
    host.load("hello").await;
    let hello = endpoint("hello/hello");
    let port = host.address.port();
    for (head, status, code) in [
        ("GET / HTTP/1.1\r\n".to_owned(), 400, "host_missing"),
        ("GET / HTTP/1.0\r\n".to_owned(), 400, "host_missing"),
        (format!("GET {hello} HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n"), 400, "host_repeated"),
        (format!("GET {hello} HTTP/1.1\r\nhost: localhost\r\nHost: evil.example\r\n"), 400, "host_repeated"),
        (format!("GET {hello} HTTP/1.1\r\nhost: \r\n"), 400, "host_malformed"),
        (format!("GET {hello} HTTP/1.1\r\nhost: local host\r\n"), 400, "host_malformed"),
        (format!("GET {hello} HTTP/1.1\r\nhost: localhost/x\r\n"), 400, "host_malformed"),
        (format!("GET {hello} HTTP/1.1\r\nhost: a@localhost\r\n"), 400, "host_malformed"),
        (format!("GET {hello} HTTP/1.1\r\nhost: localhost:99999\r\n"), 400, "host_malformed"),
        (format!("GET http://evil.example{hello} HTTP/1.1\r\nhost: localhost\r\n"), 400, "host_differs"),
        (format!("GET http://localhost:1{hello} HTTP/1.1\r\nhost: localhost\r\n"), 400, "host_differs"),
        (format!("GET {hello} HTTP/1.1\r\nhost: evil.example\r\n"), 421, "host_not_allowed"),
        (format!("GET {hello} HTTP/1.1\r\nhost: 127.0.0.1.evil.example:{port}\r\n"), 421, "host_not_allowed"),
        ("GET /metrics HTTP/1.1\r\nhost: evil.example\r\n".to_owned(), 421, "host_not_allowed"),
        (format!("GET http://localhost{hello} HTTP/1.1\r\nhost: LOCALHOST:80\r\n"), 200, ""),
        (format!("GET {hello} HTTP/1.0\r\nhost: localhost\r\n"), 200, ""),
        (format!("GET {hello} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"), 200, ""),
        (format!("GET {hello} HTTP/1.1\r\nhost: [::1]:{port}\r\n"), 200, ""),
        (format!("GET {hello} HTTP/1.1\r\nhost: 192.0.2.7\r\n"), 200, ""),
        (format!("GET {hello} HTTP/1.1\r\nhost: Plugins.Example\r\n"), 200, ""),
        (format!("GET {hello} HTTP/1.1\r\nhost: a.apps.example\r\n"), 200, ""),
        ("GET /health/live HTTP/1.1\r\nhost: evil.example\r\n".to_owned(), 200, ""),
        ("GET /health/live HTTP/1.0\r\n".to_owned(), 200, ""),
        ("GET /health/ready HTTP/1.0\r\n".to_owned(), 200, ""),
    ] {
        let (answer, mut connection) = send(&host, &format!("{head}\r\n")).await;
        assert_eq!(answer.status, status, "{head:?}: {}", answer.text());
        if status == 200 {
            continue;
        }
        assert_eq!(answer.code(), code, "{head:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{head:?}");
        assert!(connection.closed().await.is_empty(), "{head:?}");
        if code == "host_not_allowed" {
            assert!(answer.json()["fix"].as_str().unwrap().contains("ALLOWED_HOSTS"), "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn requests_with_ambiguous_framing_are_rejected() {
    let host = TestHost::start().await;
    host.load("echo").await;
    let body = endpoint("echo/body");
    let smuggled = "GET /health/live HTTP/1.1\r\nhost: localhost\r\nx-request-id: smuggled\r\n\r\n";
    for (framing, sent) in [
        ("content-length: 5\r\ntransfer-encoding: chunked", "0\r\n\r\n"),
        ("transfer-encoding: chunked\r\ncontent-length: 5", "0\r\n\r\n"),
        ("transfer-encoding: identity", ""),
        ("transfer-encoding: identity, chunked", "0\r\n\r\n"),
        ("transfer-encoding: gzip, chunked", "0\r\n\r\n"),
        ("transfer-encoding: chunked, chunked", "0\r\n\r\n"),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked", "0\r\n\r\n"),
        ("transfer-encoding: chunked\r\ntransfer-encoding: identity", "0\r\n\r\n"),
        ("transfer-encoding: chunked;x=1", "0\r\n\r\n"),
        ("transfer-encoding: xchunked", "0\r\n\r\n"),
        ("transfer-encoding : chunked", "0\r\n\r\n"),
        ("transfer-encoding:\u{b}chunked", "0\r\n\r\n"),
        ("x: y\r\n transfer-encoding: chunked", "0\r\n\r\n"),
        ("content-length: 3\r\ncontent-length: 4", "abc"),
        ("content-length: 3, 4", "abc"),
        ("content-length: 3, 3", "abc"),
        ("content-length: +3", "abc"),
        ("content-length: -3", ""),
        ("content-length: 0x3", "abc"),
        ("content-length : 3", "abc"),
        ("content-length: 3 4", "abc"),
        ("transfer-encoding: chunked", "3\rx\nabc\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked", "0x3\r\nabc\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked", "3\r\nabcdef\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked", "fffffffffffffffff\r\nabc"),
    ] {
        let mut connection = host.connect().await;
        let head = format!("POST {body} HTTP/1.1\r\nhost: localhost\r\n{framing}\r\n\r\n");
        connection.send_if_taken(format!("{head}{sent}{smuggled}").as_bytes()).await;
        let said = String::from_utf8_lossy(&connection.closed().await).into_owned();
        assert!(!said.contains("smuggled"), "{framing:?} {sent:?}: {said}");
        host.call("echo/request").await.expect(200);
    }
    let (refused, _) = send(
        &host,
        &format!("POST {body} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: identity, chunked\r\n\r\n0\r\n\r\n"),
    )
    .await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "request_transfer_encoding"));
    // Two equal lengths count as one.
    let twice = format!(
        "POST {body} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc"
    );
    assert_eq!(send(&host, &twice).await.0.text(), "abc");
}

/// docs/deployment.md has a table of these cases. A bare response has no body.
#[tokio::test]
async fn refused_framing_has_the_documented_status() {
    let host = TestHost::start().await;
    host.load("echo").await;
    let path = endpoint("echo/json");
    let many = (0..101).map(|n| format!("x{n}: y\r\n")).collect::<String>();
    let long = format!("x: {}", "y".repeat(70_000));
    for (version, framing, status, code) in [
        ("1.1", "transfer-encoding: gzip, chunked", 400, "request_transfer_encoding"),
        ("1.1", "transfer-encoding: chunked\r\ntransfer-encoding: chunked", 400, "request_transfer_encoding"),
        ("1.1", "transfer-encoding: gzip", 400, ""),
        ("1.1", "transfer-encoding: identity", 400, ""),
        ("1.1", "transfer-encoding: chunked, gzip", 400, ""),
        ("1.0", "transfer-encoding: chunked", 400, ""),
        ("1.1", "content-length: 3\r\ncontent-length: 4", 400, ""),
        ("1.1", "content-length: 3, 3", 400, ""),
        ("1.1", "content-length: 18446744073709551616", 400, ""),
        ("1.1", "content-length: 18446744073709551615", 431, ""),
        ("1.1", "content-length: 18446744073709551614", 431, ""),
        ("1.1", "content-length: 18446744073709551613", 413, "body_too_large"),
        ("1.1", many.trim_end(), 431, ""),
        ("1.1", &long, 431, ""),
    ] {
        let mut connection = host.connect().await;
        let head = "host: localhost\r\ncontent-type: application/json";
        let request = format!("POST {path} HTTP/{version}\r\n{head}\r\n{framing}\r\n\r\n");
        connection.send_if_taken(request.as_bytes()).await;
        let said = String::from_utf8_lossy(&connection.closed().await).into_owned();
        let shown: String = framing.chars().take(60).collect();
        assert!(said.starts_with("HTTP/1.") && said[8..].starts_with(&format!(" {status} ")), "{shown}: {said}");
        let body = said.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        assert_eq!(body.is_empty(), code.is_empty(), "{shown}: {said}");
        assert!(body.contains(code), "{shown}: {said}");
    }
}

/// docs/deployment.md has a table of these cases.
#[tokio::test]
async fn unusual_framing_neither_swallows_nor_invents_a_request() {
    let host = TestHost::start().await;
    host.load("echo").await;
    let path = endpoint("echo/body");
    let post =
        |framing: &str, sent: &str| format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{framing}\r\n\r\n{sent}");
    // The handler reads the whole body before it responds.
    let json = endpoint("echo/json");
    let chunked = |sent: &str| {
        let sent = sent.replace("abc", "123");
        let head = "host: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked";
        format!("POST {json} HTTP/1.1\r\n{head}\r\n\r\n{sent}")
    };
    let unread = |sent: &str| {
        format!("GET /health/live HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n{sent}")
    };
    let length = |length: u64| post(&format!("content-length: {length}"), "abc");
    let next = "GET /health/live HTTP/1.1\r\nhost: localhost\r\nx-request-id: next\r\nconnection: close\r\n\r\n";
    for (sent, status, is_next_answered) in [
        // A line of a head may end with a bare line feed.
        (format!("POST {path} HTTP/1.1\nhost: localhost\ncontent-length: 3\n\nabc"), "200", true),
        (format!("POST {path} HTTP/1.1\r\nhost: localhost\ncontent-length: 3\r\n\nabc"), "200", true),
        // Blanks may follow a chunk size.
        (chunked("3\r\nabc\r\n0\r\n\r\n"), "200", true),
        (chunked("3 \r\nabc\r\n0\t \r\n\r\n"), "200", true),
        (chunked("3 ; a=b\r\nabc\r\n0;c\r\n\r\n"), "200", true),
        (chunked(" 3\r\nabc\r\n0\r\n\r\n"), "400", false),
        (chunked("3 0\r\nabc\r\n0\r\n\r\n"), "400", false),
        // A bare line feed ends no line of a chunked body.
        (chunked("3\nabc\r\n0\r\n\r\n"), "400", false),
        (chunked("3;a\nabc\r\n0\r\n\r\n"), "400", false),
        (chunked("3\r\nabc\n0\r\n\r\n"), "400", false),
        (chunked("3\r\nabc\r\n0\n\r\n"), "400", false),
        (chunked("3\r\nabc\r\n0\r\n\n"), "400", false),
        (chunked("3\r\nabc\r\n0\r\na: b\n\n"), "400", false),
        // Trailers are refused.
        (chunked("3\r\nabc\r\n0\r\na: b\r\n\r\n"), "400", false),
        // The response begins before the end of the body was read.
        (post("transfer-encoding: chunked", "3\r\nabc\r\n0\r\n\r\n"), "200", false),
        (post("transfer-encoding: chunked", "3\r\nabc\r\n0\r\n\n"), "200", false),
        (unread("0\r\n\r\n"), "200", false),
        (unread("0\r\n\n"), "200", false),
        (unread("3 \r\nabc\r\n0\r\na: b\n\n"), "200", false),
        (length(u64::MAX), "4", false),
        (length(u64::MAX - 1), "4", false),
        (length(u64::MAX - 2), "4", false),
        (length(1 << 62), "4", false),
    ] {
        let mut connection = host.connect().await;
        connection.send_if_taken(format!("{sent}{next}").as_bytes()).await;
        let said = String::from_utf8_lossy(&connection.closed().await).into_owned();
        assert!(said.starts_with(&format!("HTTP/1.1 {status}")), "{sent:?}: {said}");
        let n_next = said.matches("x-request-id: next").count();
        assert_eq!(n_next, usize::from(is_next_answered), "{sent:?}: {said}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1 + n_next, "{sent:?}: {said}");
    }
}

#[tokio::test]
async fn methods_of_proxies_and_other_protocols_are_rejected() {
    let host = TestHost::start().await;
    host.load("echo").await;
    for line in ["CONNECT localhost:80", "TRACE /", "TRACK /", "PRI *", "TRACE /api/plugin-endpoints/echo/request"] {
        let (answer, _) = send(&host, &format!("{line} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
        assert_eq!((answer.status, answer.code().as_str()), (405, "request_method"), "{line}");
        assert!(answer.header("allow").unwrap().contains("GET"), "{line}");
    }
    // An upgrade request is answered in HTTP/1.1, and the plugin does not see it.
    let request = endpoint("echo/request");
    let upgrade = "connection: upgrade, close\r\nupgrade: websocket\r\nsec-websocket-version: 13";
    let (answer, _) = send(&host, &format!("GET {request} HTTP/1.1\r\nhost: localhost\r\n{upgrade}\r\n\r\n")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("upgrade"), None);
    assert!(!answer.text().contains("\"upgrade\""), "{}", answer.text());
}

#[tokio::test]
async fn request_heads_are_bounded() {
    let host = TestHost::start().await;
    let long = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "a".repeat(10_000));
    let (answer, _) = send(&host, &long).await;
    assert_eq!((answer.status, answer.code().as_str()), (414, "uri_too_long"));
    for head in ["x: 1\r\n".repeat(200), format!("x: {}\r\n", "a".repeat(100_000))] {
        let (answer, _) = send(&host, &format!("GET / HTTP/1.1\r\nhost: localhost\r\n{head}\r\n")).await;
        assert_eq!(answer.status, 431);
    }
}

/// Returns the values of a header that the plugin `echo` received.
fn seen(answer: &Answer, name: &str) -> Vec<Value> {
    let all = answer.json()["headers"].as_array().unwrap().clone();
    all.into_iter().filter(|pair| pair[0] == name).map(|pair| pair[1].clone()).collect()
}

#[tokio::test]
async fn plugins_do_not_see_hop_by_hop_and_host_headers() {
    let host = TestHost::start().await;
    host.load("echo").await;
    let headers = [
        ("cookie", "mine=1; plugin_host_session=x; other=2"),
        ("proxy-authorization", "Basic eDp5"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=203.0.113.9"),
        ("x-real-ip", "203.0.113.9"),
        ("te", "trailers"),
        ("keep-alive", "timeout=5"),
        ("connection", "x-secret"),
        ("x-secret", "1"),
        ("x-own", "1"),
    ];
    let sent = headers
        .iter()
        .fold(host.request("GET", &endpoint("echo/request")), |sent, (name, value)| sent.header(name, value));
    let answer = sent.send().await.expect(200);
    for name in
        ["authorization", "proxy-authorization", "x-forwarded-for", "x-forwarded-host", "forwarded", "x-real-ip"]
    {
        assert_eq!(seen(&answer, name), Vec::<Value>::new(), "{name}");
    }
    for name in ["te", "keep-alive", "connection", "x-secret", "transfer-encoding", "upgrade"] {
        assert_eq!(seen(&answer, name), Vec::<Value>::new(), "{name}");
    }
    assert_eq!((seen(&answer, "cookie"), seen(&answer, "x-own")), (vec![json!("mine=1; other=2")], vec![json!("1")]));
    assert!(answer.json()["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
}

#[tokio::test]
async fn a_trusted_proxy_reports_the_client_address() {
    let host = TestHost::with(&["--trusted-proxy", "127.0.0.0/8"]).await;
    host.load("echo").await;
    let request = host.anonymous().request("GET", &endpoint("echo/request"));
    let answer = request.header("x-forwarded-for", "10.9.9.9, 203.0.113.9").send().await.expect(200);
    assert_eq!(answer.json()["peer"], "203.0.113.9:0");
    assert_eq!(seen(&answer, "x-forwarded-for"), [json!("10.9.9.9, 203.0.113.9")]);
}

#[tokio::test]
async fn plugin_responses_cannot_affect_the_origin() {
    let host = TestHost::options().variable("CORS_ALLOWED_ORIGIN", "https://console.example").start().await;
    host.load("says").await;
    let say = async |pairs: Value| host.anonymous().post_json(&endpoint("says/say"), &pairs).await.expect(200);
    let answer = say(json!([
        ["content-type", "text/html"],
        ["content-security-policy", "script-src *"],
        ["set-cookie", "session=1; Path=/; HttpOnly"],
        ["set-cookie", "wide=1; Domain=example.org"],
        ["set-cookie", "__Host-a=1; Path=/; Secure"],
        ["service-worker-allowed", "/"],
        ["clear-site-data", "\"*\""],
        ["strict-transport-security", "max-age=99999"],
        ["alt-svc", "h2=\":1\""],
        ["access-control-allow-origin", "*"],
        ["access-control-allow-credentials", "true"],
        ["location", "https://evil.example/"],
        ["connection", "x-hop"],
        ["x-hop", "1"],
        ["keep-alive", "timeout=99"],
        ["transfer-encoding", "gzip"],
        ["content-length", "3"],
        ["x-own", "1"]
    ]))
    .await;
    assert_eq!(answer.text(), "<script>alert(1)</script>");
    assert!(answer.header("content-security-policy").unwrap().starts_with("sandbox; default-src 'none';"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let cookies: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "set-cookie").collect();
    assert_eq!(cookies.len(), 1, "{cookies:?}");
    assert_eq!(cookies[0].1, "session=1; HttpOnly; Path=/api/plugin-endpoints/says");
    for name in [
        "service-worker-allowed",
        "clear-site-data",
        "strict-transport-security",
        "alt-svc",
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "location",
        "x-hop",
        "keep-alive",
        "transfer-encoding",
    ] {
        assert_eq!(answer.header(name), None, "{name}");
    }
    assert_eq!((answer.header("content-length"), answer.header("x-own")), (Some("25"), Some("1")));

    let answer = say(json!([["content-type", "text/plain"], ["location", "/api/plugin-endpoints/says/next"]])).await;
    assert_eq!(answer.header("content-security-policy"), None);
    assert_eq!(answer.header("location"), Some("/api/plugin-endpoints/says/next"));
}

#[tokio::test]
async fn responses_of_the_host_have_security_headers() {
    let host = TestHost::start().await;
    for path in ["/api/plugins", "/api/nothing", "/api/plugin-endpoints/nothing/x", "/health/live", "/api/jobs"] {
        let answer = host.get(path).await;
        for (name, expected) in [
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ] {
            assert_eq!(answer.header(name), Some(expected), "{path} {name}");
        }
    }
}

#[tokio::test]
async fn paths_cannot_cross_between_plugins_and_management() {
    let host = TestHost::start().await;
    host.load("echo").await;
    for (path, status, code) in [
        ("/api/plugin-endpoints/../plugins", 404, "plugin_unknown"),
        ("/api/plugin-endpoints/echo/../../plugins", 400, "endpoint_path"),
        ("/api/plugin-endpoints/%65cho/request", 404, "plugin_unknown"),
        ("/api/plugin-endpoints", 404, "route_unknown"),
        ("/api//plugins", 404, "route_unknown"),
        ("/API/plugins", 404, "route_unknown"),
        ("/api/plugins/../plugin-endpoints/echo/request", 400, "route_path"),
        ("/api/plugins/%2e%2e/jobs", 400, "route_path"),
        ("/api/plugins/echo%2fstatus", 400, "route_path"),
        ("/api/plugins/echo;x=1", 400, "route_path"),
        ("/api/plugins/echo%00", 400, "route_path"),
        ("/api/plugins/%ff", 400, "route_path"),
        ("/api/plugins\\echo", 400, "route_path"),
    ] {
        let (answer, _) = send(
            &host,
            &format!(
                "GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
                host.token.as_ref().unwrap()
            ),
        )
        .await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{path}");
    }
}

fn impatient() -> Options {
    TestHost::options().flags(&["--body-idle-timeout-seconds", "1", "--answer-timeout-seconds", "1"])
}

#[tokio::test]
async fn a_stalled_body_is_rejected() {
    let host = impatient().start().await;
    host.load("echo").await;
    let token = host.token.clone().unwrap();
    for path in [endpoint("echo/small"), endpoint("echo/json"), "/api/plugins/load".to_owned()] {
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n");
        let (answer, mut connection) =
            send(&host, &format!("{head}content-type: application/json\r\ncontent-length: 100\r\n\r\n{{")).await;
        assert_eq!((answer.status, answer.code().as_str()), (408, "body_too_slow"), "{path}");
        connection.closed().await;
    }
    // A body that streams into a plugin ends there.
    let mut call = host.anonymous().begin("POST", &endpoint("echo/body")).await;
    call.send_chunk(b"a").await;
    call.head(false).await;
    assert_eq!(call.chunk().await.unwrap(), b"a");
    assert_eq!(call.chunk().await, None);
    assert!(!call.is_whole());
}

#[tokio::test]
async fn an_unauthenticated_body_is_limited_to_the_size_of_a_login() {
    let host = TestHost::start().await;
    let login = |n_spaces: usize| {
        let body = format!("{{\"username\": \"zoe\", \"password\": \"no\"}}{}", " ".repeat(n_spaces));
        let length = body.len();
        format!("POST /login HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}")
    };
    let (answer, _) = send(&host, &login(10_000)).await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "auth_login"));
    let (answer, _) = send(&host, &login(20_000)).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
}

#[tokio::test]
async fn an_unread_response_does_not_keep_its_generation() {
    let host = impatient().start().await;
    host.load("endless-stream").await;
    let mut call = host.anonymous().request("GET", &endpoint("endless-stream/zeros")).open().await;
    assert_eq!(call.head(false).await.status, 200);
    assert_eq!(host.call("endless-stream/open").await.text(), "1");
    eventually("the stream is given up", || async { host.call("endless-stream/open").await.text() == "0" }).await;
    drop(call);
}

#[tokio::test]
async fn streams_are_limited_per_caller() {
    let host = TestHost::with(&["--max-streams-per-caller", "4"]).await;
    let follow = async || {
        let mut stream = host.request("GET", "/api/events").header("accept", "text/event-stream").open().await;
        (stream.head(false).await.status, stream)
    };
    let mut streams = vec![];
    for _ in 0..4 {
        let (status, stream) = follow().await;
        assert_eq!(status, 200);
        streams.push(stream);
    }
    let refused = host.request("GET", "/api/events").header("accept", "text/event-stream").send().await.expect(429);
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("streams_too_many", Some("5")));
    streams.pop();
    eventually("there is room again", || async { follow().await.0 == 200 }).await;
}
