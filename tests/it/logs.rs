//! Logs and traces: followed by whoever may see them, joined by the id of a trace, safe to read.

use serde_json::{Value, json};

use crate::client::Connection;
use crate::host::{TestHost, endpoint, program};
use crate::services::{load_as, post, said};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The events of a stream: id, name and data.
struct Events {
    connection: Connection,
    text: String,
}

impl Events {
    async fn open(host: &TestHost, path: &str, last: Option<&str>) -> Events {
        let request = host.request("GET", path).header("accept", "text/event-stream");
        let request = last.into_iter().fold(request, |request, last| request.header("last-event-id", last));
        let mut connection = request.open().await;
        let head = connection.head(false).await;
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
        Events { connection, text: String::new() }
    }

    /// What comes next; `None` at the end.
    async fn next(&mut self) -> Option<(Option<u64>, String, Value)> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                let (id, name) = (field("id: ").map(|id| id.parse().unwrap()), field("event: ").unwrap_or_default());
                let read = field("data: ").map(|data| (id, name.to_owned(), serde_json::from_str(data).unwrap()));
                self.text = rest.to_owned();
                if read.is_some() {
                    return read;
                }
            }
            self.text += &String::from_utf8(self.connection.chunk().await?).unwrap();
        }
    }

    /// The first line whose message holds a text.
    async fn find(&mut self, text: &str) -> (u64, Value) {
        loop {
            let (id, _, line) = self.next().await.expect("the stream has ended");
            if line["message"].as_str().is_some_and(|message| message.contains(text)) {
                return (id.unwrap(), line);
            }
        }
    }
}

#[tokio::test]
async fn a_plugin_log_is_followed_and_resumed() {
    let host = TestHost::start().await;
    host.load("services").await;
    post(&host, "services/log/first", "").await.expect(204);
    let mut events = Events::open(&host, "/api/plugins/services/logs", None).await;
    let (id, line) = events.find("at info word=first").await;
    assert_eq!((line["number"].as_u64(), line["level"].as_str()), (Some(id), Some("info")));
    post(&host, "services/log/second", "").await.expect(204);
    let (id, _) = events.find("at error word=second").await;
    assert_eq!(host.metric("plugin_host_log_streams").await, 1.0);
    drop(events);

    post(&host, "services/log/third", "").await.expect(204);
    let mut events = Events::open(&host, "/api/plugins/services/logs", Some(&id.to_string())).await;
    let (next, _, _) = events.next().await.unwrap();
    assert_eq!(next, Some(id + 1));
    events.find("at info word=third").await;

    let mut errors = Events::open(&host, "/api/plugins/services/logs?level=error", None).await;
    for word in ["first", "second", "third"] {
        let (_, _, line) = errors.next().await.unwrap();
        assert_eq!(line["level"], "error");
        assert!(line["message"].as_str().unwrap().contains(word), "{line}");
    }
    let part = host.get("/api/plugins/services/logs?level=warn").await.expect(200).json();
    assert!(part["lines"].as_array().unwrap().iter().all(|line| line["level"] == "warn" || line["level"] == "error"));

    // A log that has not come so far has begun anew.
    let mut anew = Events::open(&host, "/api/plugins/services/logs", Some("999999")).await;
    anew.find("at info word=first").await;

    host.delete("/api/plugins/services").await.expect(200);
    while events.next().await.is_some() {}
    for (path, last, status, code) in [
        ("/api/plugins/nothing/logs", "1", 404, "plugin_unknown"),
        ("/api/plugins/hello/logs", "x", 400, "last_event_id"),
        ("/api/plugins/hello/logs?level=loud", "1", 400, "query_does_not_fit"),
    ] {
        let request = host.request("GET", path).header("accept", "text/event-stream").header("last-event-id", last);
        let answer = request.send().await.expect(status);
        assert!(code == "plugin_unknown" || answer.code() == code, "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn dropped_lines_are_reported_and_followers_are_limited() {
    let host = TestHost::start().await;
    host.load("services").await;
    let mut events = Events::open(&host, "/api/plugins/services/logs", None).await;
    post(&host, "services/log/first", "").await.expect(204);
    let (id, _) = events.find("word=first").await;
    drop(events);
    for _ in 0..400 {
        post(&host, "services/log/more", "").await.expect(204);
    }
    let mut events = Events::open(&host, "/api/plugins/services/logs", Some(&id.to_string())).await;
    let (last, name, gap) = events.next().await.unwrap();
    assert_eq!((name.as_str(), gap["after"].as_u64()), ("gap", Some(id)));
    let (next, _, _) = events.next().await.unwrap();
    assert_eq!((next, gap["from"].as_u64()), (last.map(|last| last + 1), next));

    let mut open = vec![events];
    for _ in 1..16 {
        open.push(Events::open(&host, "/api/plugins/services/logs", None).await);
    }
    let one_more = host.request("GET", "/api/plugins/services/logs").header("accept", "text/event-stream");
    let refused = one_more.send().await.expect(429);
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("streams_too_many", Some("5")));
    host.get("/api/plugins/services/logs").await.expect(200);
}

#[tokio::test]
async fn the_command_follows_a_log_until_the_plugin_is_unloaded() {
    let host = TestHost::start().await;
    host.load("services").await;
    post(&host, "services/log/first", "").await.expect(204);
    let mut command = program();
    command.args(["logs", "services", "--follow", "--level", "warn"]).env("PLUGIN_DIR", host.plugin_dir());
    command.env("PLUGIN_HOST_URL", format!("http://{}", host.address));
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || lines.by_ref().map_while(Result::ok).for_each(|line| drop(tell.send(line))));
    assert!(told.recv().await.unwrap().contains("error generation 1: at error word=first"));
    assert!(told.recv().await.unwrap().contains("warn  generation 1: at warn word=first"));
    post(&host, "services/log/second", "").await.expect(204);
    assert!(told.recv().await.unwrap().contains("at error word=second"));
    assert!(told.recv().await.unwrap().contains("at warn word=second"));
    host.delete("/api/plugins/services").await.expect(200);
    assert_eq!(told.recv().await, None);
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_trace_goes_through_plugins_with_a_span_for_each_call() {
    let host = TestHost::start().await;
    host.load("services").await;
    load_as(&host, "second", |yaml| yaml).await;
    let sent = format!("00-{TRACE_ID}-00f067aa0ba902b7-01");
    let request = host.anonymous().request("GET", &endpoint("services/me")).header("traceparent", &sent);
    let answer = request.send().await.expect(200);
    assert_eq!(answer.header("traceparent"), None);
    let seen = answer.json()["traceparent"].as_str().unwrap().to_owned();
    assert!(seen.starts_with(&format!("00-{TRACE_ID}-")) && seen.ends_with("-01") && seen != sent, "{seen}");

    let request = host.anonymous().request("GET", &endpoint("services/call/second/me")).header("traceparent", &sent);
    let other = request.send().await.expect(200).json()["traceparent"].as_str().unwrap().to_owned();
    assert!(other.starts_with(&format!("00-{TRACE_ID}-")) && other != seen && other != sent, "{other}");
    for (id, message) in [("services", "calls path=second/me"), ("second", "is called")] {
        let said = said(&host, id).await;
        let line = said.iter().find(|line| line.contains(message)).unwrap_or_else(|| panic!("{said:?}"));
        assert!(line.contains(TRACE_ID), "{line}");
    }

    // One that is none is not passed on: a trace begins here.
    for bad in ["", "00-0-0-0", &sent.replace("4bf9", "4BF9"), &sent.replace("00-4", "ff-4")] {
        let request = host.anonymous().request("GET", &endpoint("services/me")).header("traceparent", bad);
        let seen = request.send().await.expect(200).json()["traceparent"].as_str().unwrap().to_owned();
        assert!(seen.len() == 55 && !seen.contains(TRACE_ID) && seen.ends_with("-00"), "{bad}: {seen}");
    }
    // What plugins see among the headers is the same.
    host.load("echo").await;
    let request = host.anonymous().request("GET", &endpoint("echo/request")).header("traceparent", &sent);
    let headers = request.send().await.expect(200).json()["headers"].clone();
    let found: Vec<_> = headers.as_array().unwrap().iter().filter(|pair| pair[0] == "traceparent").collect();
    assert!(
        found.len() == 1 && found[0][1].as_str().unwrap().contains(TRACE_ID) && found[0][1] != json!(sent),
        "{found:?}"
    );
}

#[tokio::test]
async fn every_request_has_an_access_log_line() {
    let host = TestHost::with(&["--log-format", "json", "--log-filter", "info,access=debug"]).await;
    host.load("hello").await;
    let trace = format!("00-{TRACE_ID}-00f067aa0ba902b7-01");
    let line = |line: String| -> Value { serde_json::from_str(&line).unwrap() };

    let request = host.anonymous().request("GET", &endpoint("hello/hello?secret=1")).header("x-request-id", "my-call");
    request.header("traceparent", &trace).send().await.expect(200);
    let call = line(host.logged("my-call").await);
    let of = |name: &str| call[name].clone();
    assert_eq!(
        (of("method"), of("status"), of("plugin.id"), of("generation")),
        (json!("GET"), json!(200), json!("hello"), json!(1))
    );
    assert_eq!(
        (of("path"), of("trace_id"), of("target")),
        (json!(endpoint("hello/hello")), json!(TRACE_ID), json!("access"))
    );
    assert!(
        of("duration_ms").as_f64().is_some_and(|ms| ms > 0.0) && of("peer").as_str().unwrap().starts_with("127.0.0.1:")
    );
    assert!(!call.to_string().contains("secret"), "{call}");

    host.request("GET", "/api/plugins").header("x-request-id", "my-look").send().await.expect(200);
    let look = line(host.logged("my-look").await);
    assert_eq!((&look["action"], &look["level"]), (&json!("plugin_list"), &json!("DEBUG")));
    let change = host.request("POST", "/api/plugins/hello/reload").header("x-request-id", "my-change");
    change.send().await.expect(200);
    let change = line(host.logged("my-change").await);
    assert_eq!(
        (&change["action"], &change["level"], &change["status"]),
        (&json!("plugin_reload"), &json!("INFO"), &json!(200))
    );

    // Whatever a caller sends is one line, and no line of anybody else.
    let mut connection = host.anonymous().connect().await;
    let path = endpoint("hello/\u{e9}\u{202e}x");
    connection
        .send(format!("GET {path} HTTP/1.1\r\nhost: {}\r\nx-request-id: my-odd\r\n\r\n", host.address).as_bytes())
        .await;
    if connection.try_head(false).await.is_some_and(|answer| answer.status == 404) {
        let odd = host.logged("my-odd").await;
        assert!(odd.is_ascii(), "{odd}");
    }
}

#[tokio::test]
async fn without_being_asked_the_host_writes_no_line_for_a_call() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let request = host.anonymous().request("GET", &endpoint("hello/hello")).header("x-request-id", "quiet");
    request.send().await.expect(200);
    host.post("/api/plugins/hello/disable").await.expect(200);
    host.logged("POST /api/plugins/hello/disable: 200").await;
    assert!(!host.log().contains("quiet"));

    let loud = TestHost::options().variable("PLUGIN_DEBUG", "true").start().await;
    loud.load("hello").await;
    loud.call("hello/hello").await.expect(200);
    loud.logged("GET /api/plugin-endpoints/hello/hello: 200").await;
}
