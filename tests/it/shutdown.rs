//! How a host ends: in time, and without taking an answer away from anybody who was promised one.

use crate::host::{TestHost, endpoint, eventually};
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
    idle.send(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await;
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
async fn a_host_ends_though_plugins_of_it_never_do() {
    let host = TestHost::with(&["--stop-timeout-seconds", "1", "--start-timeout-seconds", "1"]).await;
    host.load("never-stops").await;
    assert_eq!(host.try_load(&crate::plugins::source("start-blocks")).await.expect(422).code(), "load_start_timed_out");
    host.stop();
}

#[tokio::test]
async fn a_host_that_is_told_to_stop_during_a_load_ends_the_build_and_leaves_nothing_half_made() {
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
        assert_eq!(builds_of("hello"), Vec::<String>::new(), "a build outlived its host");
    }
}

/// The command lines of all cargos that build a package.
fn builds_of(package: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read_to_string(process.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(&format!("--package={package}\0"))).collect()
}
