//! What of a request reaches a plugin, and what of its answer reaches the caller.

use serde_json::{Value, json};

use crate::host::{TestHost, endpoint};

fn headers(request: &Value, name: &str) -> Vec<String> {
    let pairs = request["headers"].as_array().unwrap();
    let values = pairs.iter().filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap().to_owned());
    values.collect()
}

#[tokio::test]
async fn the_method_decides_which_endpoint_answers() {
    let host = TestHost::start().await;
    host.load("echo").await;
    let client = host.anonymous();
    for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
        let answer = client.request(method, &endpoint("echo/body")).body(b"some text").send().await.expect(200);
        assert_eq!((answer.header("x-method"), answer.text().as_str()), (Some(method), "some text"));
    }
    let refused = client.request("POST", &endpoint("echo/request")).send().await.expect(405);
    assert_eq!((refused.code().as_str(), refused.header("allow")), ("endpoint_method", Some("GET, HEAD, OPTIONS")));
    for (method, code) in [("TRACE", "request_method"), ("BREW", "endpoint_method"), ("get", "endpoint_method")] {
        let refused = client.request(method, &endpoint("echo/request")).send().await.expect(405);
        assert_eq!(refused.code(), code, "{method}");
    }

    let get = client.get(&endpoint("echo/params/a/b")).await.expect(200);
    let head = client.request("HEAD", &endpoint("echo/params/a/b")).send().await.expect(200);
    assert_eq!((head.header("content-type"), head.body.len()), (get.header("content-type"), 0));
    let options = client.request("OPTIONS", &endpoint("echo/request")).send().await.expect(204);
    assert_eq!(options.header("allow"), Some("GET, HEAD, OPTIONS"));
    let own = client.request("OPTIONS", &endpoint("echo/options")).send().await.expect(200);
    assert_eq!(own.json()["method"], "OPTIONS");
}

#[tokio::test]
async fn parameters_are_decoded_and_path_and_query_are_as_they_were_sent() {
    let host = TestHost::start().await;
    host.load("echo").await;
    for (path, params) in [
        ("params/a/b", json!([["first", "a"], ["second", "b"]])),
        ("params/a%20b/%C3%A4+%25", json!([["first", "a b"], ["second", "ä+%"]])),
        ("files/a/b.c/d", json!([["rest", "a/b.c/d"]])),
        ("files/%F0%9F%A6%80", json!([["rest", "🦀"]])),
    ] {
        let request = host.call(&format!("echo/{path}?q=1&q=%20&x")).await.expect(200).json();
        assert_eq!(request["params"], params, "{path}");
        assert_eq!((&request["path"], &request["query"]), (&json!(format!("/{path}")), &json!("q=1&q=%20&x")));
    }
    let plain = host.call("echo/request").await.expect(200).json();
    assert_eq!((&plain["query"], &plain["method"]), (&Value::Null, &json!("GET")));
    assert!(plain["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{plain}");
}

#[tokio::test]
async fn headers_reach_the_plugin_but_for_those_of_the_connection_and_of_the_operator() {
    let host = TestHost::start().await;
    host.load("echo").await;
    let request = host.anonymous().request("GET", &endpoint("echo/request"));
    let request = request
        .header("x-two", "a")
        .header("X-Two", "b")
        .header("x-bytes", "caf\u{e9}")
        .header("cookie", "theme=dark")
        .header("authorization", "Basic YWxhZGRpbjpvcGVu")
        .header("proxy-authorization", "Basic c2VjcmV0")
        .header("te", "trailers")
        .header("keep-alive", "timeout=5")
        .header("x-request-id", "my-own-id");
    let answer = request.send().await.expect(200);
    assert_eq!(answer.header("x-request-id"), Some("my-own-id"));
    let seen = answer.json();
    assert_eq!(headers(&seen, "x-two"), ["a", "b"]);
    assert_eq!(headers(&seen, "x-bytes"), ["café"]);
    assert_eq!(headers(&seen, "cookie"), ["theme=dark"]);
    assert_eq!(headers(&seen, "authorization"), ["Basic YWxhZGRpbjpvcGVu"]);
    assert_eq!(seen["request_id"], "my-own-id");
    for name in ["connection", "te", "keep-alive", "proxy-authorization"] {
        assert_eq!(headers(&seen, name), Vec::<String>::new(), "{name}");
    }
}

#[tokio::test]
async fn headers_that_the_connection_header_names_stay_with_the_connection() {
    let host = TestHost::start().await;
    host.load("echo").await;
    let mut connection = host.connect().await;
    connection
        .send(
            format!(
                "GET {} HTTP/1.1\r\nhost: localhost\r\nconnection: close, x-mine\r\nx-mine: 1\r\nx-other: 2\r\n\r\n",
                endpoint("echo/request")
            )
            .as_bytes(),
        )
        .await;
    assert_eq!(connection.head(false).await.status, 200);
    let seen: Value = serde_json::from_slice(&connection.rest().await).unwrap();
    assert_eq!(headers(&seen, "x-other"), ["2"]);
    assert_eq!(headers(&seen, "x-mine"), Vec::<String>::new());
}

#[tokio::test]
async fn json_that_does_not_fit_is_refused_by_the_extractor_with_a_reason() {
    let host = TestHost::start().await;
    host.load("echo").await;
    let client = host.anonymous();
    let post = |body: &'static str, media_type: &'static str| {
        client.request("POST", &endpoint("echo/json")).header("content-type", media_type).body(body.as_bytes()).send()
    };
    assert_eq!(post("21", "application/json; charset=utf-8").await.expect(200).text(), "42");
    assert_eq!(post("21", "text/plain").await.expect(415).code(), "body_type");
    assert_eq!(post("2 1", "application/json").await.expect(400).code(), "body_not_json");
    assert_eq!(post("\"x\"", "application/json").await.expect(422).code(), "body_does_not_fit");
}

#[tokio::test]
async fn an_answer_that_http_does_not_have_is_the_plugins_failure_and_not_the_callers() {
    let host = TestHost::start().await;
    host.load("bad-answer").await;
    for path in ["status/101", "status/199", "status/600", "status/999", "headers/300", "stream/abc", "stream/-1"] {
        let answer = host.call(&format!("bad-answer/{path}")).await.expect(500);
        assert_eq!(answer.code(), "plugin_bad_answer", "{path}");
    }
    for status in [200, 202, 404, 418, 503, 599] {
        assert_eq!(host.call(&format!("bad-answer/status/{status}")).await.expect(status).text(), "text");
    }
    host.call("bad-answer/headers/200").await.expect(200);
    assert_eq!(
        host.call("bad-answer/cookies").await.expect(200).headers.iter().filter(|(n, _)| n == "set-cookie").count(),
        2
    );
}

#[tokio::test]
async fn a_plugin_cannot_change_how_its_answer_is_framed() {
    let host = TestHost::start().await;
    host.load("bad-answer").await;
    for length in ["0", "2", "3", "999", "abc"] {
        let answer = host.call(&format!("bad-answer/length/{length}")).await.expect(200);
        assert_eq!((answer.text().as_str(), answer.header("content-length")), ("abc", Some("3")), "{length}");
    }
    let right = host.call("bad-answer/stream/3").await.expect(200);
    assert_eq!((right.text().as_str(), right.is_whole), ("abc", true));
    for length in ["2", "999"] {
        // Which bytes were sent cannot be undone; that they are wrong must show.
        let mut connection =
            host.anonymous().request("GET", &endpoint(&format!("bad-answer/stream/{length}"))).open().await;
        if connection.try_head(false).await.is_some() {
            let body = connection.rest().await;
            assert!(!connection.is_whole() || body.len().to_string() == length, "{length}: {body:?}");
        }
        assert_eq!(connection.closed().await, b"", "{length}: bytes after the answer");
    }
    let hop = host.call("bad-answer/hop-by-hop").await.expect(200);
    assert_eq!(hop.text(), "text");
    for name in ["transfer-encoding", "keep-alive", "upgrade", "x-mine"] {
        assert_eq!(hop.header(name), None, "{name}");
    }
    host.call("bad-answer/cookies").await.expect(200);
}
