//! The words typed: what they do, print and return.

use std::process::Output;

use serde_json::{Value, json};

use crate::host::{TestHost, program};
use crate::plugins::built;

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn ends(output: Output, code: i32) -> Output {
    assert_eq!(output.status.code(), Some(code), "{}\n{}", stdout(&output), stderr(&output));
    output
}

#[tokio::test]
async fn an_operator_manages_plugins_from_the_command_line() {
    let host = TestHost::start().await;
    let hello = built("hello").await;
    let counter = built("counter").await;
    let loaded = ends(host.command(&["load", hello.to_str().unwrap()]).await, 0);
    assert!(stdout(&loaded).contains("hello") && stdout(&loaded).contains("1.0.0"), "{}", stdout(&loaded));
    ends(host.command(&["load", counter.to_str().unwrap(), "--set", "step=3"]).await, 0);
    host.call("hello/hello").await.expect(200);
    let count = host.anonymous().post("/api/plugin-endpoints/counter/count").await.expect(200).json();
    assert_eq!(count["count"], 3);

    let list = stdout(&ends(host.command(&["list"]).await, 0));
    assert!(list.contains("hello") && list.contains("counter") && !list.contains('\u{1b}'), "{list}");
    let show = stdout(&ends(host.command(&["show", "hello"]).await, 0));
    assert!(show.contains("1.0.0") && show.contains("/hello/:name"), "{show}");
    let logs = stdout(&ends(host.command(&["logs", "counter"]).await, 0));
    assert!(logs.contains("counting from 0 in steps of 3"), "{logs}");

    ends(host.command(&["reload", "hello"]).await, 0);
    assert_eq!(host.plugin("hello").await["generation"], 2);
    ends(host.command(&["disable", "hello"]).await, 0);
    host.call("hello/hello").await.expect(503);
    ends(host.command(&["enable", "hello"]).await, 0);
    host.call("hello/hello").await.expect(200);
    ends(host.command(&["unload", "hello"]).await, 0);
    host.call("hello/hello").await.expect(404);
}

#[tokio::test]
async fn json_is_the_hosts_answer_as_it_is() {
    let host = TestHost::start().await;
    let hello = built("hello").await;
    let json_of = |output: &Output| serde_json::from_slice::<Value>(&output.stdout).unwrap();
    let loaded = json_of(&ends(host.command(&["load", hello.to_str().unwrap(), "--json"]).await, 0));
    assert_eq!((&loaded["id"], &loaded["generation"]), (&json!("hello"), &json!(1)));
    let list = json_of(&ends(host.command(&["list", "--json"]).await, 0));
    assert_eq!((&list["count"], &list["plugins"]["hello"]["ID"]), (&json!(1), &json!("hello")));
    let show = json_of(&ends(host.command(&["show", "hello", "--json"]).await, 0));
    assert_eq!(show["plugin"]["metadata"]["id"], "hello");
    let logs = json_of(&ends(host.command(&["logs", "hello", "--json"]).await, 0));
    assert!(logs["lines"].is_array(), "{logs}");
}

#[tokio::test]
async fn what_the_program_returns_says_who_is_to_act() {
    let host = TestHost::start().await;
    let refused = ends(host.command(&["show", "nothing"]).await, 1);
    assert!(stderr(&refused).contains("no plugin `nothing` is installed"), "{}", stderr(&refused));
    assert_eq!(stdout(&refused), "", "only data goes to stdout");
    let manifest = crate::plugins::source("bad-manifest");
    let refused = ends(host.command(&["load", manifest.to_str().unwrap()]).await, 1);
    assert!(
        stderr(&refused).contains("`version`") && stderr(&refused).contains("plugin.yaml:3"),
        "{}",
        stderr(&refused)
    );
    let wrong = ends(host.command(&["list", "--token", "dph_wrong"]).await, 1);
    assert!(stderr(&wrong).contains("token"), "{}", stderr(&wrong));

    for words in [&["lst"][..], &["show"], &["show", "no such id"], &["load", "ftp://x/y"], &["list", "--port", "1"]] {
        ends(host.command(words).await, 2);
    }
    let nobody = ends(host.command(&["list", "--url", "http://127.0.0.1:1"]).await, 3);
    assert!(stderr(&nobody).contains("http://127.0.0.1:1"), "{}", stderr(&nobody));
    ends(host.command(&["--help"]).await, 0);
    let version = ends(host.command(&["--version"]).await, 0);
    assert_eq!(stdout(&version).trim(), format!("plugin-host {}", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn a_host_that_cannot_start_says_why_and_ends() {
    let host = TestHost::start().await;
    let taken = host.address.port().to_string();
    let output = TestHost::options().flags(&["--port", "0"]).run_to_its_end().await;
    assert!(stderr(&ends(output, 2)).contains("--port"), "a flag that was given twice is not told of");
    let mut second = program();
    second.args(["serve", "--port", "0", "--plugin-dir"]).arg(host.plugin_dir()).arg("--cache-dir");
    second.arg(crate::plugins::build_cache()).current_dir(host.sources());
    let output = ends(tokio::task::spawn_blocking(move || second.output().unwrap()).await.unwrap(), 1);
    assert!(stderr(&output).contains(host.plugin_dir().to_str().unwrap()), "{}", stderr(&output));
    let output = TestHost::options().flags(&["--max-connections", "many"]).run_to_its_end().await;
    assert!(stderr(&ends(output, 2)).contains("--max-connections"));
    let output = TestHost::options().variable("PLUGIN_SECURITY_MODE", "lax").run_to_its_end().await;
    assert!(stderr(&ends(output, 2)).contains("PLUGIN_SECURITY_MODE"));

    let mut second = program();
    second.args(["serve", "--port", &taken, "--plugin-dir"]).arg(host.sources().join("plugins")).arg("--cache-dir");
    second.arg(crate::plugins::build_cache()).current_dir(host.sources());
    let output = ends(tokio::task::spawn_blocking(move || second.output().unwrap()).await.unwrap(), 1);
    assert!(stderr(&output).contains(&taken), "{}", stderr(&output));
    host.get("/health/ready").await.expect(200);
}

#[tokio::test]
async fn log_lines_are_json_when_that_is_asked_for() {
    let host = TestHost::with(&["--log-format", "json"]).await;
    host.load("hello").await;
    let line = host.logged("now serves generation").await;
    let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!((&line["plugin.id"], &line["level"], &line["generation"]), (&json!("hello"), &json!("INFO"), &json!(1)));
}
