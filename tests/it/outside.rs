//! What a plugin may ask of its host that leads outside: metrics, logs, other servers, secrets.

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

use crate::host::{TestHost, endpoint};
use crate::services::{load_as, post, reload, said};
use crate::web_server::WebServer;

#[tokio::test]
async fn metrics_continue_over_a_reload_and_are_removed_with_the_plugin() {
    let host = TestHost::start().await;
    host.load("services").await;
    load_as(&host, "second", |yaml| yaml).await;
    post(&host, "services/count", "").await.expect(204);
    post(&host, "second/count", "").await.expect(204);
    reload(&host, "services").await;
    post(&host, "services/count", "").await.expect(204);
    let counted = |id: &str| format!("plugin_services_counted_total{{plugin=\"{id}\"}}");
    assert_eq!((host.metric(&counted("services")).await, host.metric(&counted("second")).await), (2.0, 1.0));

    host.delete("/api/plugins/services").await.expect(200);
    let text = host.anonymous().get("/metrics").await.expect(200).text();
    assert!(!text.contains(&counted("services")) && text.contains(&counted("second")), "{text}");
    host.load("services").await;
    assert_eq!(host.metric(&counted("services")).await, 0.0);
}

#[tokio::test]
async fn log_events_carry_their_request_and_levels_that_nobody_wants_are_not_written() {
    let host = TestHost::start().await;
    host.load("services").await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let trace_id = &trace[3..35];
    let request = host.anonymous().request("POST", &endpoint("services/log/meow"));
    request.header("x-request-id", "one-request").header("traceparent", trace).send().await.expect(204);
    for level in ["error", "warn", "info"] {
        let line = host.logged(&format!("at {level} word=meow")).await;
        for part in ["one-request", trace_id, "services", &level.to_uppercase()] {
            assert!(line.contains(part), "`{part}` is not in {line}");
        }
    }
    let said = said(&host, "services").await;
    let of = |level: &str| said.iter().find(|line| line.starts_with(&format!("at {level} word=meow")));
    for level in ["error", "warn", "info"] {
        assert!(of(level).is_some_and(|line| line.contains("one-request") && line.contains(trace_id)), "{said:?}");
    }
    for level in ["debug", "trace"] {
        assert!(of(level).is_none() && !host.log().contains(&format!("at {level}")), "{said:?}");
    }

    // What a caller sends can't look like another line.
    post(&host, "services/log/a%0Ab%0D%1Bc", "").await.expect(204);
    let line = host.logged("at info word=a").await;
    assert!(line.contains(r"a\nb\r"), "{line}");

    let verbose = TestHost::with(&["--log-filter", "trace"]).await;
    verbose.load("services").await;
    post(&verbose, "services/log/purr", "").await.expect(204);
    for level in ["debug", "trace"] {
        verbose.logged(&format!("at {level} word=purr")).await;
    }
}

#[tokio::test]
async fn a_plugin_fetches_from_where_plugin_yaml_and_the_operator_let_it() {
    let other = WebServer::start(|_, _| (200, String::new(), "not for plugins")).await;
    let elsewhere = other.address();
    let server = WebServer::start(move |path, head| match path {
        "/" if head.contains("x-plugin: services\r\n") => (200, String::new(), "hello, plugin"),
        "/away" => (302, format!("location: http://{elsewhere}/\r\n"), ""),
        "/home" => (302, "location: /\r\n".to_owned(), ""),
        _ => (418, String::new(), "no"),
    })
    .await;
    let lists = |host: String| move |yaml: String| yaml.replace("\"127.0.0.1:1\"", &format!("\"{host}\""));
    let fetch = async |host: &TestHost, path: &str| {
        post(host, "services/fetch", &format!("http://{}{path}", server.address())).await
    };

    let host = TestHost::with(&["--fetch-private-host", &server.address()]).await;
    load_as(&host, "services", lists(server.address())).await;
    assert_eq!(fetch(&host, "/").await.expect(200).text(), "hello, plugin");
    assert_eq!(fetch(&host, "/home").await.expect(200).text(), "hello, plugin");
    assert_eq!(fetch(&host, "/pot").await.expect(418).text(), "no");
    let away = fetch(&host, "/away").await.expect(403);
    assert_eq!(away.code(), "fetch_not_allowed");
    assert!(away.text().contains(&format!("add `{}` under `security.allowed_hosts`", other.address())));

    load_as(&host, "services", |yaml| yaml).await;
    let unlisted = fetch(&host, "/").await.expect(403);
    assert_eq!(unlisted.code(), "fetch_not_allowed");
    assert!(unlisted.text().contains("under `security.allowed_hosts`"), "{}", unlisted.text());

    let strict = TestHost::start().await;
    load_as(&strict, "services", lists(server.address())).await;
    let private = fetch(&strict, "/").await.expect(403);
    assert_eq!(private.code(), "fetch_not_allowed");
    assert!(private.text().contains("`fetch_private_hosts`"), "{}", private.text());

    let address = server.address();
    drop(server);
    load_as(&host, "services", lists(address.clone())).await;
    assert_eq!(post(&host, "services/fetch", &format!("http://{address}/")).await.expect(502).code(), "fetch_failed");
}

#[tokio::test]
async fn a_secret_is_readable_only_by_its_plugin_and_read_at_each_request() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, "tuna\n").unwrap();
    let from_file = format!("services/key=file:{}", file.display());
    let flags = ["--secret", &from_file, "--secret", "services/word=env:SECRET_WORD"];
    let host = TestHost::options().flags(&flags).variable("SECRET_WORD", "purr").start().await;
    host.load("services").await;
    load_as(&host, "second", |yaml| yaml).await;
    assert_eq!(host.call("services/secret/key").await.expect(200).text(), "tuna");
    assert_eq!(host.call("services/secret/word").await.expect(200).text(), "purr");
    std::fs::write(&file, "milk").unwrap();
    assert_eq!(host.call("services/secret/key").await.expect(200).text(), "milk");
    assert_eq!(host.call("services/secret/other").await.expect(404).code(), "secret_not_found");
    assert_eq!(host.call("second/secret/key").await.expect(404).code(), "secret_not_found");
    std::fs::remove_file(&file).unwrap();
    let unreadable = host.call("services/secret/key").await.expect(500);
    assert_eq!(unreadable.code(), "secret_unreadable");
    for secret in ["tuna", "milk", "purr"] {
        assert!(!host.log().contains(secret), "a secret is in the log: {}", host.log());
    }
}

#[tokio::test]
async fn a_thread_that_outlives_its_generation_gets_nothing_more() {
    const ALL: [&str; 8] = [
        "kv.write",
        "kv.read",
        "events.publish",
        "events.subscribe",
        "http.fetch",
        "plugins.call",
        "secrets.read",
        "metrics.write",
    ];
    let host = TestHost::start().await;
    host.load("services").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    post(&host, "services/outlive", &address).await.expect(204);
    let mut thread = BufReader::new(listener.accept().await.unwrap().0);
    let mut ask = async |word: &str| {
        thread.get_mut().write_all(format!("{word}\n").as_bytes()).await.unwrap();
        let mut line = String::new();
        thread.read_line(&mut line).await.unwrap();
        line.trim_end().to_owned()
    };
    for word in ["kv.write", "kv.read", "events.publish", "plugins.call", "metrics.write"] {
        assert_eq!(ask(word).await, "done", "{word}, while its generation serves");
    }

    host.delete("/api/plugins/services").await.expect(200);
    host.load("services").await;
    for word in ALL {
        let refused = if word == "metrics.write" { "metric_refused" } else { "generation_ended" };
        assert_eq!(ask(word).await, refused, "{word}");
    }
    assert_eq!(host.call("services/kv").await.expect(200).json(), json!([]));
    assert_eq!(host.call("services/me").await.json()["generation"], 2);
}
