//! The client commands: effects, output and exit codes.

use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::host::{TestHost, eventually, program};
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
async fn json_is_the_hosts_answer() {
    let host = TestHost::start().await;
    let hello = built("hello").await;
    let json_of = |output: &Output| serde_json::from_slice::<Value>(&output.stdout).unwrap();
    let loaded = json_of(&ends(host.command(&["load", hello.to_str().unwrap(), "--json"]).await, 0));
    assert_eq!((&loaded["id"], &loaded["generation"]), (&json!("hello"), &json!(1)));
    let list = json_of(&ends(host.command(&["list", "--json"]).await, 0));
    assert_eq!((&list["count"], &list["plugins"]["hello"]["id"]), (&json!(1), &json!("hello")));
    assert_eq!(list["plugins"]["hello"]["ID"], Value::Null, "no field for older clients");
    let show = json_of(&ends(host.command(&["show", "hello", "--json"]).await, 0));
    assert_eq!(show["plugin"]["metadata"]["id"], "hello");
    let logs = json_of(&ends(host.command(&["logs", "hello", "--json"]).await, 0));
    assert!(logs["lines"].is_array(), "{logs}");
}

#[tokio::test]
async fn tables_fit_80_columns_and_other_formats_show_everything() {
    let host = TestHost::start().await;
    let folder = host.sources().join("a-folder-with-a-very-long-name/that-is-not-cut-in-a-wide-table/hello");
    crate::plugins::copy(built("hello").await.parent().unwrap(), &folder);
    ends(host.command(&["load", folder.to_str().unwrap()]).await, 0);
    for words in [&["list"][..], &["jobs"], &["revisions"], &["audit"], &["cache", "info"], &["token", "list"]] {
        let table = stdout(&ends(host.command(words).await, 0));
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
        let wide = stdout(&ends(host.command(&[words, &["-o", "wide"]].concat()).await, 0));
        assert!(!wide.contains('…'), "{wide}");
    }
    let wide = stdout(&ends(host.command(&["list", "-o", "wide"]).await, 0));
    assert!(wide.contains("GENERATION") && wide.contains(folder.to_str().unwrap()), "{wide}");
    let json = stdout(&ends(host.command(&["list", "-o", "json"]).await, 0));
    let same = stdout(&ends(host.command(&["list", "--json"]).await, 0));
    let plugins = |text: &str| serde_json::from_str::<Value>(text).unwrap()["plugins"]["hello"]["id"].clone();
    assert_eq!((plugins(&json), plugins(&same)), (json!("hello"), json!("hello")));
    let yaml = stdout(&ends(host.command(&["show", "hello", "-o", "yaml"]).await, 0));
    assert!(yaml.starts_with("---\n") && yaml.contains("\nid: hello\n") && !yaml.contains("ID:"), "{yaml}");
    ends(host.command(&["list", "-o", "xml"]).await, 2);
    ends(host.command(&["list", "-o", "wide", "--json"]).await, 2);
}

#[tokio::test]
async fn colours_are_used_on_request_and_never_in_pipes() {
    let host = TestHost::start().await;
    ends(host.command(&["load", built("hello").await.to_str().unwrap()]).await, 0);
    let list = stdout(&ends(host.command(&["list", "--color", "always"]).await, 0));
    assert!(list.contains("\u{1b}[32mrunning\u{1b}[0m") && list.contains("\u{1b}[1mID\u{1b}[0m"), "{list:?}");
    for words in [&["list"][..], &["list", "--color", "auto"], &["list", "--color=never"]] {
        assert!(!stdout(&ends(host.command(words).await, 0)).contains('\u{1b}'), "{words:?}");
    }
    let refused = ends(host.command(&["show", "nothing", "--color", "always"]).await, 1);
    let labels = ["\u{1b}[1m\u{1b}[31merror:\u{1b}[0m no plugin", "\u{1b}[1m\u{1b}[36mfix:\u{1b}[0m run"];
    assert!(labels.iter().all(|label| stderr(&refused).contains(label)), "{:?}", stderr(&refused));
    let help = stdout(&ends(host.command(&["--help", "--color", "always"]).await, 0));
    assert!(help.contains("\u{1b}[1m") && help.contains("Writing plugins:"), "{help:?}");
    ends(host.command(&["list", "--color", "sometimes"]).await, 2);
}

#[tokio::test]
async fn an_invalid_address_is_shown_without_what_may_be_secret() {
    let host = TestHost::start().await;
    for address in ["https://user:s3cret@github.com/a/b", "https://github.com/a/b?token=s3cret"] {
        let refused = ends(host.command(&["load", address]).await, 2);
        let text = stderr(&refused);
        assert!(text.contains("`https://github.com/a/b") && !text.contains("s3cret"), "{text}");
        let answer = host.post_json("/api/plugins/load", &json!({ "source": address })).await.expect(400);
        assert!(
            answer.text().contains("https://github.com/a/b") && !answer.text().contains("s3cret"),
            "{}",
            answer.text()
        );
    }
    assert!(!host.log().contains("s3cret"), "{}", host.log());
}

#[tokio::test]
async fn a_folder_that_the_host_may_not_read_is_packed_and_uploaded() {
    let host = TestHost::start().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let folder = elsewhere.path().join("hello");
    crate::plugins::copy(built("hello").await.parent().unwrap(), &folder);
    let loaded = ends(host.command(&["load", folder.to_str().unwrap(), "--set", "greeting=Moin"]).await, 0);
    let note = format!("note: `{}` is packed and uploaded, because the host is not allowed", folder.display());
    assert_eq!(stderr(&loaded).matches(&note).count(), 1, "{}", stderr(&loaded));
    host.call("hello/hello").await.expect(200);
    assert!(host.plugin("hello").await["source"].as_str().unwrap().starts_with("upload:"));

    // A plugin in a folder of it is packed with the whole folder.
    let (many, path) = (elsewhere.path().join("many"), "plugins/counter");
    crate::plugins::copy(built("counter").await.parent().unwrap(), &many.join(path));
    let loaded = ends(host.command(&["load", many.to_str().unwrap(), "--path", path]).await, 0);
    let note = format!("note: `{}` is packed and uploaded, because the host is not allowed", many.display());
    assert!(stderr(&loaded).contains(&note), "{}", stderr(&loaded));
    let source = host.plugin("counter").await["source"].as_str().unwrap().to_owned();
    assert!(source.starts_with("upload:") && source.ends_with("#path=plugins/counter"), "{source}");
    ends(host.command(&["unload", "counter"]).await, 0);

    std::fs::remove_file(folder.join("plugin.yaml")).unwrap();
    let refused = ends(host.command(&["load", folder.to_str().unwrap()]).await, 1);
    assert!(stderr(&refused).starts_with("error: failed to pack the plugin"), "{}", stderr(&refused));
    // A folder that the host reads itself is not packed.
    let inside = host.sources().join("other");
    crate::plugins::copy(built("counter").await.parent().unwrap(), &inside);
    let loaded = ends(host.command(&["load", inside.to_str().unwrap()]).await, 0);
    assert!(!stderr(&loaded).contains("packed"), "{}", stderr(&loaded));
    assert_eq!(host.plugin("counter").await["source"], inside.to_str().unwrap());
}

#[tokio::test]
async fn reloads_that_lose_nothing_are_proven() {
    let host = TestHost::start().await;
    host.load("hello").await;
    host.call("hello/hello").await.expect(200);
    let proven =
        ends(host.command(&["reload", "hello", "--prove", "--reloads", "3", "--connections", "2", "--json"]).await, 0);
    let report: Value = serde_json::from_slice(&proven.stdout).unwrap();
    assert_eq!((&report["proven"], &report["reason"]), (&json!(true), &Value::Null), "{report}");
    assert_eq!((&report["path"], &report["status"]), (&json!("/hello"), &json!(200)), "{report}");
    assert_eq!(report["reloads"], json!({ "asked": 3, "done": 3 }), "{report}");
    let requests = &report["requests"];
    assert_eq!((&requests["failed"], &requests["by_others"]), (&json!(0), &json!(0)), "{report}");
    for counted in ["answered", "counted"] {
        assert_eq!(requests[counted], requests["sent"], "{report}");
    }
    let generations = report["generations"].as_array().unwrap();
    let all: Vec<_> = generations.iter().map(|one| (&one["number"], one["phase"].as_str().unwrap())).collect();
    let [one, two, three, four] = [1, 2, 3, 4].map(|number| json!(number));
    assert_eq!(all, [(&one, "unmapped"), (&two, "unmapped"), (&three, "unmapped"), (&four, "running")]);
    let answers: Vec<_> = generations.iter().map(|one| one["requests"].as_u64().unwrap()).collect();
    assert_eq!(Some(answers.iter().sum::<u64>()), requests["sent"].as_u64(), "{report}");
    assert!(answers.iter().all(|count| *count >= 2), "each answers on each connection: {report}");
    assert_eq!((&report["unmapped"]["replaced"], &report["unmapped"]["unmapped"]), (&three, &three), "{report}");
    let (median, worst) = (&report["unmapped"]["median_ms"], &report["unmapped"]["worst_ms"]);
    assert!(median.as_f64().unwrap() <= worst.as_f64().unwrap(), "{report}");
    assert_eq!(report["libraries_mapped"], json!({ "before": 1, "after": 1 }), "{report}");

    let named = ["reload", "--prove", "hello", "--path", "/hello/Zoe", "--reloads", "1", "--connections", "1"];
    let proven = ends(host.command(&named).await, 0);
    assert!(stdout(&proven).contains("1 of 1 replaced generations"), "{}", stdout(&proven));
    assert!(stderr(&proven).contains("proof succeeded: no request failed"), "{}", stderr(&proven));
    let short = ends(host.command(&["show", "hello"]).await, 0);
    assert!(stderr(&short).contains("4 generations have left memory; --all lists them"), "{}", stderr(&short));
    let show = stdout(&ends(host.command(&["show", "hello", "--all"]).await, 0));
    assert!(show.contains("UNMAPPED AFTER") && show.matches("unmapped").count() == 4, "{show}");
}

#[tokio::test]
async fn prove_fails_if_a_generation_stays_in_memory() {
    let host = TestHost::start().await;
    host.load("lost-thread").await;
    host.anonymous().post("/api/plugin-endpoints/lost-thread/begin").await.expect(204);
    let prove = ["reload", "--prove", "lost-thread", "--reloads", "2"];
    let output = ends(host.command(&prove).await, 1);
    assert!(stdout(&output).contains("1 of 2 replaced generations"), "{}", stdout(&output));
    let reason = "1 of 2 replaced generations not unmapped: generation 1 is kept by 1 thread (`kafka-poll`)";
    assert!(stderr(&output).starts_with(&format!("error: proof failed: {reason}")), "{}", stderr(&output));

    let list = ends(host.command(&["list"]).await, 0);
    let remark = "lost-thread: 1 ended generation is kept in memory; `plugin-host show lost-thread` shows why";
    assert_eq!(stderr(&list).trim(), remark);
    let show = stdout(&ends(host.command(&["show", "lost-thread"]).await, 0));
    assert!(show.contains("generation 1 cannot be unloaded because of\n  1 thread (`kafka-poll`)"), "{show}");
}

#[tokio::test]
async fn prove_refuses_unprovable_plugins_before_any_reload() {
    let host = TestHost::start().await;
    host.load("hello").await;
    host.load("counter").await;
    let refused = async |words: &[&str], code: i32, reason: &str| {
        let output = ends(host.command(&[&["reload", "--prove"], words].concat()).await, code);
        assert!(stderr(&output).contains(reason) && output.stdout.is_empty(), "{}", stderr(&output));
    };
    refused(&["hello", "--path", "/echo"], 2, "`GET /echo` is not an endpoint of `hello`").await;
    refused(&["counter", "--path", "/nothing"], 2, "is not an endpoint of `counter`").await;
    refused(&["nothing"], 1, "no plugin `nothing` is installed").await;
    ends(host.command(&["disable", "hello"]).await, 0);
    refused(&["hello"], 1, "`plugin-host enable hello`").await;
    assert_eq!(host.plugin("counter").await["generation"], 1);
}

#[tokio::test]
async fn an_interrupted_proof_reports_its_progress() {
    let host = TestHost::start().await;
    host.load("hello").await;
    let mut command = program();
    command.args(["reload", "--prove", "hello", "--reloads", "100000", "--url", &format!("http://{}", host.address)]);
    command.arg("--plugin-dir").arg(host.plugin_dir()).current_dir(host.sources());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("it reloads", async || host.plugin("hello").await["generation"].as_u64() > Some(2)).await;
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let output = ends(output, 1);
    assert!(stderr(&output).contains("error: proof failed: interrupted after "), "{}", stderr(&output));
    assert!(
        stdout(&output).contains(" of 100000 in ") && stdout(&output).contains(", 0 failed"),
        "{}",
        stdout(&output)
    );
}

#[tokio::test]
async fn exit_codes_distinguish_refusals_bad_arguments_and_unreachable_hosts() {
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
async fn a_host_that_cannot_start_reports_the_reason_and_exits() {
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
async fn log_lines_are_json_on_request() {
    let host = TestHost::with(&["--log-format", "json"]).await;
    host.load("hello").await;
    let line = host.logged("now serves generation").await;
    let line: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
    assert_eq!((&line["plugin.id"], &line["level"], &line["generation"]), (&json!("hello"), &json!("INFO"), &json!(1)));
}

#[tokio::test]
async fn a_client_that_loses_its_host_names_the_job() {
    let host = TestHost::start().await;
    let _turn = crate::plugins::any_turn_to_build().await;
    let mut command = program();
    command.arg("load").arg(crate::plugins::source("start-hangs"));
    command.args(["--url", &format!("http://{}", host.address)]);
    command.arg("--plugin-dir").arg(host.plugin_dir()).current_dir(host.sources());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let step = async || host.get("/api/jobs").await.json()["jobs"][0]["step"].clone();
    eventually("it builds", async || step().await == "build").await;
    let jobs = host.get("/api/jobs").await.json();
    let id = jobs["jobs"][0]["id"].as_str().unwrap().to_owned();
    let _folder = host.kill();
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let message = stderr(&ends(output, 3));
    assert!(
        message.contains(&format!("lost the connection to the host during job `{id}`, which continues")),
        "{message}"
    );
    assert!(message.contains(&format!("plugin-host job {id} --follow")), "{message}");
}
