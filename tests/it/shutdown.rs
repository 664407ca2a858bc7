//! Shutdown: in time, and without dropping accepted requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::client::Client;
use crate::host::{TestHost, endpoint, eventually};
use crate::plugins::{as_version, built};
use crate::reload::begin_slow_call;

#[tokio::test]
async fn calls_in_flight_are_answered_before_the_host_ends() {
    let host = TestHost::start().await;
    host.load("slow").await;
    let mut waiting = begin_slow_call(&host, "wait").await;
    let mut streaming = begin_slow_call(&host, "stream").await;
    streaming.head(false).await;
    assert_eq!(streaming.chunk().await.unwrap(), b"1\n");
    let mut idle = host.connect().await;
    idle.send(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(idle.head(false).await.status, 200);
    idle.rest().await;

    host.terminate();
    let address = host.address;
    eventually("the host takes no more connections", || async {
        tokio::net::TcpStream::connect(address).await.is_err()
    })
    .await;
    assert_eq!(idle.closed().await, b"");

    waiting.send_chunk(b"late").await;
    waiting.end().await;
    assert_eq!((waiting.head(false).await.status, waiting.rest().await), (200, b"1".to_vec()));
    streaming.end().await;
    assert_eq!(streaming.rest().await, b"1\n");
    assert!(streaming.is_whole());
    host.logged("generation 1 stops").await;
    host.stop();
}

#[tokio::test]
async fn dependants_are_stopped_before_the_plugins_that_they_depend_on() {
    let host = TestHost::with(&["--stop-timeout-seconds", "1"]).await;
    host.load("hello").await;
    let dependant = as_version(&host, "never-stops", "never-stops", "1.0.0").await;
    let yaml = dependant.with_file_name("plugin.yaml");
    let text = std::fs::read_to_string(&yaml).unwrap();
    std::fs::write(&yaml, format!("{text}dependencies: [{{id: hello, version: ^1}}]\n")).unwrap();
    host.try_load(&dependant).await.expect(200);

    host.terminate();
    host.logged("generation 1 of `hello` has ended").await;
    let log = host.log();
    let ended = |id: &str| log.find(&format!("generation 1 of `{id}` has ended")).unwrap_or(usize::MAX);
    assert!(ended("never-stops") < ended("hello"), "{log}");
    host.stop();
}

#[tokio::test]
async fn calls_that_outlast_the_grace_period_are_cut() {
    let host = TestHost::with(&["--shutdown-grace-seconds", "1"]).await;
    host.load("slow").await;
    host.load("hangs-on-call").await;
    let waiting = begin_slow_call(&host, "wait").await;
    let mut half = host.anonymous().request("GET", &endpoint("hangs-on-call/half")).open().await;
    half.head(false).await;
    assert_eq!(half.chunk().await.unwrap(), b"half");
    host.stop();
    assert_eq!(half.rest().await, b"");
    assert!(!half.is_whole());
    drop(waiting);
}

#[tokio::test]
async fn under_load_no_accepted_request_is_dropped() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let path = endpoint("hello/hello");
    let answered = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..8)
        .map(|at| {
            let (client, path, answered) = (host.anonymous(), path.clone(), answered.clone());
            // Half of the clients reuse the connection until the host announces that it closes it.
            tokio::spawn(async move {
                match at % 2 {
                    0 => ask_again(client, &path, &answered).await,
                    _ => ask_anew(client, &path, &answered).await,
                }
            })
        })
        .collect();
    eventually("the load is there", || async { answered.load(Ordering::Relaxed) > 200 }).await;
    host.terminate();
    for client in clients {
        client.await.unwrap();
    }
    host.stop();
}

/// Sends requests on one connection until the host closes it in order.
async fn ask_again(client: Client, path: &str, answered: &AtomicUsize) {
    let mut connection = client.connect().await;
    loop {
        connection.send_if_taken(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await;
        // After a pause an idle connection may be closed; then no request was accepted.
        let Some(head) = connection.try_head(false).await else { return assert_gone(&client).await };
        assert_eq!(head.status, 200);
        connection.rest().await;
        assert!(connection.is_whole());
        answered.fetch_add(1, Ordering::Relaxed);
        if head.header("connection") == Some("close") {
            return;
        }
    }
}

/// Asserts that the host no longer listens.
async fn assert_gone(client: &Client) {
    assert!(tokio::net::TcpStream::connect(client.address).await.is_err(), "the host was there, and did not answer");
}

/// Sends requests on new connections until none is accepted.
async fn ask_anew(client: Client, path: &str, answered: &AtomicUsize) {
    loop {
        let Ok(mut stream) = tokio::net::TcpStream::connect(client.address).await else { return };
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let mut bytes = vec![];
        let asked = async {
            stream.write_all(request.as_bytes()).await?;
            stream.read_to_end(&mut bytes).await
        };
        let asked = asked.await;
        if bytes.is_empty() {
            // The system closed the connection when the host stopped listening.
            return assert_gone(&client).await;
        }
        assert!(asked.is_ok() && bytes.starts_with(b"HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&bytes));
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_host_ends_even_if_its_plugins_never_stop() {
    let host = TestHost::with(&["--stop-timeout-seconds", "1", "--start-timeout-seconds", "5"]).await;
    host.load("never-stops").await;
    assert_eq!(host.try_load(&crate::plugins::source("start-blocks")).await.expect(422).code(), "load_start_timed_out");
    host.stop();
}

#[tokio::test]
async fn a_host_stopped_during_a_load_ends_the_build_and_leaves_nothing_unfinished() {
    let _turn = crate::plugins::any_turn_to_build().await;
    for step in ["fetching ", "Compiling hello"] {
        let host = TestHost::start().await;
        let body = serde_json::json!({ "source": crate::plugins::source("hello") });
        let request = host.request("POST", "/api/plugins/load").header("prefer", "respond-async").json(&body);
        let job = request.send().await.expect(202).header("location").unwrap().to_owned();
        let mut log = host.request("GET", &format!("{job}/log?follow=true")).open().await;
        assert_eq!(log.head(false).await.status, 200);
        let mut said = String::new();
        while !said.contains(step) {
            said += &String::from_utf8(log.chunk().await.expect("the job ended before")).unwrap();
        }
        host.stop();
        eventually("the build ends with its host", async || builds_of("hello").is_empty()).await;
    }
}

/// The command lines of all cargo processes that build a package for hosts of these tests.
fn builds_of(package: &str) -> Vec<String> {
    let folder = crate::plugins::build_cache().display().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read_to_string(process.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(&folder) && line.contains(&format!("--package={package}\0"))).collect()
}

#[tokio::test]
async fn a_library_that_is_being_opened_leaves_nothing_behind() {
    let host = TestHost::start().await;
    let library = built("constructor-sleeps").await;
    let load = host.request("POST", "/api/plugins/load").json(&json!({ "source": library }));
    load.header("prefer", "respond-async").send().await.expect(202);
    eventually("the library is being opened", || async {
        host.get("/api/jobs").await.expect(200).json()["jobs"][0]["step"] == "open"
    })
    .await;
    host.stop();
}
