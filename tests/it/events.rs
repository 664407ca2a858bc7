//! What happens in a host can be read, followed and gone on with, over its restarts.

use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::client::{Client, Connection, Request};
use crate::host::{PATIENCE, TestHost, eventually, program};
use crate::web_server::WebServer;

/// A stream of events, frame by frame.
struct Stream {
    connection: Connection,
    text: String,
}

/// One frame: id, name, data.
type Frame = (Option<u64>, String, Value);

impl Stream {
    async fn open(request: Request) -> Stream {
        let mut connection = request.header("accept", "text/event-stream").open().await;
        let head = connection.head(false).await;
        assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
        assert_eq!(head.header("cache-control"), Some("no-store"));
        let mut stream = Stream { connection, text: String::new() };
        assert_eq!(stream.block().await.as_deref(), Some("retry: 1000"));
        stream
    }

    async fn follow(client: &Client, query: &str, last: Option<u64>) -> Stream {
        let request = client.request("GET", &format!("/api/events{query}"));
        Stream::open(match last {
            Some(last) => request.header("last-event-id", &last.to_string()),
            None => request,
        })
        .await
    }

    /// What stands between two empty lines; `None` at the end.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = tokio::time::timeout(PATIENCE, self.connection.chunk()).await.expect("nothing comes");
            self.text += std::str::from_utf8(&chunk?).unwrap();
        }
    }

    async fn frame(&mut self) -> Option<Frame> {
        loop {
            let block = self.block().await?;
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            let Some(data) = field("data") else { continue };
            let id = field("id").map(|id| id.parse().unwrap());
            return Some((id, field("event").unwrap().to_owned(), serde_json::from_str(data).unwrap()));
        }
    }

    /// The frames up to one of that name.
    async fn until(&mut self, name: &str) -> Vec<Frame> {
        let mut frames = vec![];
        while frames.last().is_none_or(|(_, found, _): &Frame| found != name) {
            frames.push(self.frame().await.unwrap_or_else(|| panic!("the stream ends before {name}: {frames:?}")));
        }
        frames
    }
}

async fn page(host: &TestHost, query: &str) -> Value {
    host.request("GET", &format!("/api/events{query}"))
        .header("accept", "application/json")
        .send()
        .await
        .expect(200)
        .json()
}

fn kinds(page: &Value) -> Vec<&str> {
    page["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect()
}

fn ids(frames: &[Frame]) -> Vec<u64> {
    frames.iter().map(|(id, _, _)| id.unwrap()).collect()
}

#[tokio::test]
async fn events_are_followed_and_resumed_after_a_restart() {
    let host = TestHost::start().await;
    let mut stream = Stream::follow(&host, "?after=0", None).await;
    host.load("hello").await;
    host.post("/api/plugins/hello/reload").await.expect(200);
    let frames = stream.until("generation.unmapped").await;
    assert_eq!(ids(&frames), (1..=frames.len() as u64).collect::<Vec<_>>());
    assert_eq!(frames[0].1, "host.started");
    for (id, name, data) in &frames {
        assert_eq!((&data["seq"], &data["kind"]), (&json!(id), &json!(name)), "id and name are the data's");
        assert!(data["at_unix_ms"].as_u64().unwrap() > 1_700_000_000_000 && data["message"].is_string(), "{data}");
    }
    let of_hello = frames.iter().filter(|(_, _, data)| data["plugin"] == "hello").map(|(_, name, data)| {
        let detail = &data["detail"];
        (name.as_str(), detail["generation"].as_u64())
    });
    let of_hello: Vec<_> = of_hello.collect();
    for expected in ["generation.draining", "generation.ended", "generation.unmapped"] {
        assert!(of_hello.contains(&(expected, Some(1))), "{expected} is not in {of_hello:?}");
    }
    assert!(of_hello.contains(&("health.changed", Some(2))), "{of_hello:?}");

    // The same as a part of the journal, and through filters.
    let all = page(&host, "?after=0").await;
    assert_eq!((&all["oldest"], &all["damaged"]), (&json!(1), &json!(0)));
    let newest = all["next"].as_u64().unwrap();
    assert_eq!(all["events"][0], frames[0].2);
    let part = page(&host, "?after=1&limit=2").await;
    assert_eq!((part["events"].as_array().unwrap().len(), &part["next"]), (2, &json!(3)));
    let last = page(&host, "?limit=1").await;
    assert_eq!((last["events"][0]["seq"].as_u64(), &last["next"]), (Some(newest), &json!(newest)));
    let drained = page(&host, "?plugin=hello&kind=generation.draining,host").await;
    assert_eq!(kinds(&drained), ["generation.draining"]);
    assert_eq!(kinds(&page(&host, "?kind=host.*").await), ["host.started", "host.ready"]);

    // The host goes and comes back; the reader was in the middle.
    let middle = frames[2].0.unwrap();
    let rest = tokio::spawn(async move {
        let mut all = vec![];
        while let Some(frame) = stream.frame().await {
            all.push(frame);
        }
        (all, stream.connection.is_whole())
    });
    let host = host.restart().await;
    let (rest, is_whole) = rest.await.unwrap();
    assert!(is_whole, "the stream ends as it should");
    assert_eq!(rest.last().map(|(_, name, _)| name.as_str()), Some("host.stopping"));
    let stopping = rest.last().unwrap().0.unwrap();
    let mut stream = Stream::follow(&host, "?after=0", Some(middle)).await;
    let mut frames = stream.until("host.stopping").await;
    assert_eq!(ids(&frames), (middle + 1..=stopping).collect::<Vec<_>>());
    frames = stream.until("host.started").await;
    let ended = frames.iter().filter(|(_, name, _)| name == "generation.ended");
    assert_eq!(ended.count(), 1, "what happened after the stream had ended is in the journal: {frames:?}");
    assert_eq!(ids(&frames), (stopping + 1..=stopping + frames.len() as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_reader_that_does_not_read_stops_nobody() {
    let host = TestHost::start().await;
    let mut asleep = Stream::follow(&host, "?after=0", None).await;
    let mut awake = Stream::follow(&host, "?kind=generation.unmapped", None).await;
    host.load("hello").await;
    for generation in 1..=20 {
        host.post("/api/plugins/hello/reload").await.expect(200);
        let (_, _, data) = awake.frame().await.unwrap();
        assert_eq!((&data["plugin"], &data["detail"]["generation"]), (&json!("hello"), &json!(generation)));
    }
    let newest = page(&host, "?limit=1").await["next"].as_u64().unwrap();
    let mut numbers = vec![];
    while numbers.last() != Some(&newest) {
        numbers.push(asleep.frame().await.unwrap().0.unwrap());
    }
    assert_eq!(numbers, (1..=newest).collect::<Vec<_>>());
    // A reader from another life, or of a host that has lost its journal, is told so.
    let mut stranger = Stream::follow(&host, "", Some(newest + 1_000)).await;
    let (id, name, data) = stranger.frame().await.unwrap();
    assert_eq!((id, name.as_str(), &data["from"]), (Some(newest), "gap", &json!(newest + 1)));
}

#[tokio::test]
async fn the_number_of_followers_is_limited() {
    let host = TestHost::with(&["--max-streams-per-caller", "100"]).await;
    let mut streams = vec![];
    for _ in 0..64 {
        streams.push(Stream::follow(&host, "", None).await);
    }
    assert_eq!(host.metric("plugin_host_event_streams").await, 64.0);
    assert_eq!(host.metric("plugin_host_events_dropped_total").await, 0.0);
    let refused = host.get("/api/events").await.expect(429);
    assert_eq!((refused.code().as_str(), refused.header("retry-after")), ("events_too_many_streams", Some("5")));
    page(&host, "").await;
    drop(streams);
    eventually("the readers are gone", async || host.metric("plugin_host_event_streams").await == 0.0).await;
    Stream::follow(&host, "", None).await;
}

#[tokio::test]
async fn a_stream_ends_with_the_token_of_its_reader() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let made = async |name: &str, expires_seconds: Option<u64>| {
        let asked = json!({ "name": name, "role": "viewer", "expires_seconds": expires_seconds });
        let made = host.post_json("/api/tokens", &asked).await.expect(201).json();
        (host.with_token(made["token"].as_str().unwrap()), made["id"].as_str().unwrap().to_owned())
    };
    let ((revoked, id), (other, _), (expiring, _)) =
        (made("revoked", None).await, made("other", None).await, made("expiring", Some(2)).await);
    let mut events = Stream::follow(&revoked, "?after=0", None).await;
    let mut log = Stream::open(revoked.request("GET", "/api/plugins/hello/logs")).await;
    let mut others = Stream::follow(&other, "", None).await;
    let mut expired = Stream::follow(&expiring, "", None).await;
    events.frame().await.unwrap();
    host.delete(&format!("/api/tokens/{id}")).await.expect(204);
    while log.block().await.is_some() {}
    while events.frame().await.is_some() {}
    assert_eq!(revoked.get("/api/events").await.expect(401).code(), "auth_token");
    while expired.frame().await.is_some() {}

    let user = json!({ "username": "zoe", "password": "correct horse battery", "role": "viewer" });
    host.post_json("/api/users", &user).await.expect(201);
    let login = host.anonymous().post_json("/login", &user_and_password(&user)).await.expect(200).json();
    let mut zoe = Stream::follow(&host.with_token(login["token"].as_str().unwrap()), "", None).await;
    host.delete("/api/users/zoe").await.expect(204);
    while zoe.frame().await.is_some() {}

    host.post("/api/plugins/hello/reload").await.expect(200);
    others.until("job.ended").await;
}

fn user_and_password(user: &Value) -> Value {
    json!({ "username": user["username"], "password": user["password"] })
}

#[tokio::test]
async fn invalid_event_filters_are_refused() {
    let host = TestHost::start().await;
    assert_eq!(host.anonymous().get("/api/events").await.expect(401).code(), "auth_token");
    for (query, code) in [
        ("?kind=heal", "events_unknown_kind"),
        ("?kind=", "events_unknown_kind"),
        ("?kinds=health", "query_does_not_fit"),
        ("?plugin=a/b", "query_does_not_fit"),
        ("?after=-1", "query_does_not_fit"),
        ("?limit=0", "query_does_not_fit"),
        ("?limit=1001", "query_does_not_fit"),
    ] {
        assert_eq!(host.get(&format!("/api/events{query}")).await.expect(400).code(), code, "{query}");
    }
    let request = host.request("GET", "/api/events").header("last-event-id", "x1");
    assert_eq!(request.send().await.expect(400).code(), "events_last_event_id");
}

#[tokio::test]
async fn events_are_read_on_the_command_line() {
    let host = TestHost::start().await;
    host.load("hello").await;
    host.post("/api/plugins/hello/disable").await.expect(200);
    eventually("it has ended", async || !page(&host, "?kind=generation.ended").await["events"][0].is_null()).await;
    let shown = host.command(&["events", "--plugin", "hello", "--kind", "generation.ended"]).await;
    let line = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.status.success() && line.contains(" hello: generation 1 has ended, ") && line.lines().count() == 1,
        "{line}"
    );
    let json = host.command(&["events", "--after", "0", "--json"]).await;
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["events"][0]["kind"], "host.started");
    let refused = host.command(&["events", "--kind", "heal"]).await;
    assert_eq!(refused.status.code(), Some(1));
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(text.contains("`heal` is not a kind of event") && text.contains("health.changed"), "{text}");
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_made_again_where_it_was() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (heads, n_asked) = (seen.clone(), AtomicUsize::new(0));
    let event =
        "plugin\":null,\"job\":null,\"kind\":\"host.stopping\",\"message\":\"the host is stopping\",\"detail\":{}}\n\n";
    let one = format!("id: 1\nevent: host.stopping\ndata: {{\"seq\":1,\"at_unix_ms\":0,\"{event}id: 2\nevent: cut of");
    let gap = "id: 6\nevent: gap\ndata: {\"after\":1,\"from\":7,\"message\":\"events 2 to 6 were deleted\"}\n\n";
    let seven = format!("{gap}id: 7\nevent: host.stopping\ndata: {{\"seq\":7,\"at_unix_ms\":0,\"{event}");
    let bodies: [&'static str; 3] = [one.leak(), seven.leak(), ""];
    let server = WebServer::start(move |_, head| {
        let last =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("last-event-id: ").map(str::to_owned));
        heads.lock().unwrap().push(last);
        let body = bodies[n_asked.fetch_add(1, Ordering::SeqCst).min(2)];
        (200, "content-type: text/event-stream\r\n".to_owned(), body)
    })
    .await;
    let mut command = program();
    command.args(["events", "--follow", "--after", "0", "--token", "dph_x", "--url"]);
    command.arg(format!("http://{}", server.address())).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    eventually("it asks a third time", async || seen.lock().unwrap().len() > 2).await;
    child.kill().unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    assert_eq!(seen.lock().unwrap()[..3], [Some("0".to_owned()), Some("1".to_owned()), Some("7".to_owned())]);
    let line = "1970-01-01 00:00:00.000 host: the host is stopping\n";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), line.repeat(2));
    let remarks = String::from_utf8(output.stderr).unwrap();
    for part in ["lost the connection", "reconnected", "events are missing: events 2 to 6"] {
        assert!(remarks.contains(part), "`{part}` is not in {remarks}");
    }
}
