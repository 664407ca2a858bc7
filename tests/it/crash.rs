//! A plugin that ends the process of its host is named by the host that starts next, and does not end it for ever.

use serde_json::{Value, json};

use crate::host::{Options, TestHost, endpoint, eventually};
use crate::plugins::source;

const SIGABRT: i32 = 6;
const SIGSEGV: i32 = 11;
/// The exit status of a host in which a plugin has called `exit`.
const EXITED: i32 = 70;

/// Calls an endpoint that ends the host with this signal or exit status; gives how another one is started.
async fn crash(host: TestHost, path: &str, end: i32) -> Options {
    let request = host.anonymous().request("GET", &endpoint(path));
    // The body of a response may end early instead.
    let _ = request.try_send().await;
    host.crashed(end)
}

/// The data of the events of this kind, oldest first.
async fn events(host: &TestHost, kind: &str) -> Vec<Value> {
    let request = host.request("GET", &format!("/api/events?kind={kind}"));
    let page = request.header("accept", "application/json").send().await.expect(200).json();
    page["events"].as_array().unwrap().clone()
}

#[tokio::test]
async fn each_way_to_end_the_host_names_the_plugin() {
    let mut host = TestHost::start().await;
    host.load("hello").await;
    let cases = [
        ("segfault", SIGSEGV, "call", "SIGSEGV", "crashed the host during a call: invalid memory access (SIGSEGV)"),
        ("abort", SIGABRT, "call", "SIGABRT", "crashed the host during a call: abort (SIGABRT)"),
        ("overflow", SIGABRT, "call", "stack_overflow", "crashed the host during a call: the stack overflowed"),
        ("exit", EXITED, "call", "exit", "called `exit` during a call, which ended the host"),
        ("body", SIGABRT, "call", "SIGABRT", "crashed the host during a call: abort (SIGABRT)"),
        ("thread", SIGABRT, "thread", "SIGABRT", "crashed the host in a thread of its own: abort (SIGABRT)"),
        (
            "thread-overflow",
            SIGSEGV,
            "thread",
            "stack_overflow",
            "crashed the host in a thread of its own: the stack overflowed",
        ),
        ("thread-exit", EXITED, "thread", "exit", "called `exit` in a thread of its own, which ended the host"),
    ];
    for (n_before, (path, end, activity, cause, message)) in cases.into_iter().enumerate() {
        // Anew each time: the crashes of another version do not count.
        host.load("crashes").await;
        let loaded = host.plugin("crashes").await;
        assert_eq!(loaded["last_crash"], json!(null), "{path}");
        host.call("crashes/fine").await.expect(200);
        host = crash(host, &format!("crashes/{path}"), end).await.start().await;

        let plugin = host.plugin("crashes").await;
        let crash = &plugin["last_crash"];
        assert_eq!(
            (&crash["activity"], &crash["cause"], &crash["generation"]),
            (&json!(activity), &json!(cause), &loaded["generation"]),
            "{path}"
        );
        let message = format!("generation {} {message}", loaded["generation"]);
        assert_eq!(crash["message"], message, "{path}");
        host.logged(&format!("plugin `crashes` ended an earlier host process: {message}")).await;
        let logs = host.get("/api/plugins/crashes/logs").await.expect(200).text();
        assert!(logs.contains(&message), "{path}: {logs}");
        let shown = host.command(&["show", "crashes"]).await;
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert!(shown.contains(&format!("last crash: {message}")), "{shown}");
        let events = events(&host, "plugin.crashed").await;
        assert_eq!(events.len(), n_before + 1, "{path}: {events:?}");
        assert_eq!((&events[n_before]["plugin"], &events[n_before]["message"]), (&json!("crashes"), &json!(message)));
        // It serves again, after a start in a child process.
        assert_eq!(plugin["phase"], "running", "{path}");
        host.call("crashes/fine").await.expect(200);
        host.call("hello/hello").await.expect(200);
        host.delete("/api/plugins/crashes").await.expect(200);
    }
}

#[tokio::test]
async fn a_plugin_that_crashes_the_host_twice_is_quarantined_until_an_operator_acts() {
    let host = TestHost::start().await;
    host.load("hello").await;
    host.load("crashes").await;
    let host = crash(host, "crashes/segfault", SIGSEGV).await.start().await;
    assert_eq!(host.plugin("crashes").await["phase"], "running");
    let host = crash(host, "crashes/exit", EXITED).await.start().await;
    host.call("hello/hello").await.expect(200);
    let plugin = host.plugin("crashes").await;
    assert_eq!((&plugin["phase"], &plugin["goal"]), (&json!("quarantined"), &json!("running")));
    assert_eq!(
        plugin["quarantine"],
        "it ended the host 2 times; the last time, generation 1 called `exit` during a call, which ended the host"
    );
    assert_eq!(host.call("crashes/fine").await.expect(503).code(), "plugin_not_serving");
    let quarantined = events(&host, "plugin.quarantined").await;
    assert_eq!(quarantined.len(), 1, "{quarantined:?}");
    let detail = &quarantined[0]["detail"];
    assert_eq!((&detail["failures"], &detail["window_ms"]), (&json!(2), &json!(600_000.0)));
    // It stays so, and the host reports each crash once.
    let host = host.restart().await;
    assert_eq!(host.plugin("crashes").await["phase"], "quarantined");
    assert_eq!(events(&host, "plugin.crashed").await.len(), 2);

    host.post("/api/plugins/crashes/enable").await.expect(200);
    host.call("crashes/fine").await.expect(200);
    // Its earlier crashes do not count any more.
    let host = crash(host, "crashes/abort", SIGABRT).await.start().await;
    assert_eq!(host.plugin("crashes").await["phase"], "running");
    host.call("crashes/fine").await.expect(200);
    let host = crash(host, "crashes/abort", SIGABRT).await.start().await;
    assert_eq!(host.plugin("crashes").await["phase"], "quarantined");
}

#[tokio::test]
async fn a_first_load_that_crashes_the_host_fails_after_the_restart() {
    let host = TestHost::start().await;
    host.load("hello").await;
    // Built by the host, so that it is only opened in a child process first.
    let body = json!({ "source": source("start-aborts") });
    let turn = crate::plugins::any_turn_to_build().await;
    assert!(host.request("POST", "/api/plugins/load").json(&body).try_send().await.is_none());
    let host = host.crashed(SIGABRT).start().await;
    eventually("the load has ended", async || {
        host.get("/api/jobs?limit=1").await.expect(200).json()["jobs"][0]["state"] == "failed"
    })
    .await;
    drop(turn);
    let job = host.get("/api/jobs?limit=1").await.expect(200).json()["jobs"][0].clone();
    assert_eq!((&job["problem"]["code"], &job["attempt"]), (&json!("load_trial_crashed"), &json!(2)), "{job}");
    let events = events(&host, "plugin.crashed").await;
    assert_eq!((&events[0]["plugin"], &events[0]["detail"]["activity"]), (&json!("start-aborts"), &json!("start")));
    host.call("hello/hello").await.expect(200);
}

#[tokio::test]
async fn a_signal_from_outside_is_no_crash_of_a_plugin() {
    let host = TestHost::start().await;
    host.load("crashes").await;
    host.call("crashes/fine").await.expect(200);
    let pid = rustix::process::Pid::from_raw(i32::try_from(host.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::SEGV).unwrap();
    let host = host.crashed(SIGSEGV).start().await;
    assert_eq!(events(&host, "plugin.crashed").await, Vec::<Value>::new());
    assert_eq!(host.plugin("crashes").await["last_crash"], json!(null));
    // A file that was damaged does not keep the host from starting.
    let log = host.plugin_dir().join("crashes.jsonl");
    let options = host.pull_plug();
    std::fs::write(log, b"{\"library\":\"crashes#1\",\"cau\n\xff\n").unwrap();
    let host = options.start().await;
    host.logged("a line of the file of crashes cannot be read and is removed").await;
    host.call("crashes/fine").await.expect(200);
}
