//! Output of the commands on a terminal, into a pipe and into a file: escapes, colours, failures to write.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Output, Stdio};

use crate::host::{TestHost, endpoint, eventually, program};

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A command of the operator of a host.
fn of(host: &TestHost, words: &[&str]) -> Command {
    let mut command = program();
    command.args(words).args(["--url", &format!("http://{}", host.address)]);
    command.arg("--plugin-dir").arg(host.plugin_dir()).current_dir(host.sources());
    command
}

#[test]
fn invalid_arguments_are_shown_with_escapes() {
    let hostile = "a\u{1b}[31mb\u{202e}c\u{200b}d\u{7}";
    let shown = r"a\u{1b}[31mb\u{202e}c\u{200b}d\u{7}";
    for words in [
        &["show", hostile][..],
        &["list", hostile],
        &[&format!("sh{hostile}")],
        &["list", &format!("--{hostile}")],
        &["list", &format!("--{hostile}=1")],
        &["list", "-o", hostile],
        &["reload", "hello", "--prove", "--path", hostile],
        &["load", &format!("ftp://{hostile}")],
        &["load", "https://github.com/a/b", "--tag-pattern", hostile],
        &["configure", "counter", "--set", &format!("{hostile}\n")],
        &["user", "add", "x", "--role", hostile],
        &["serve", "--port", hostile],
        &["logs", "counter", "--level", hostile],
    ] {
        for colour in ["never", "always"] {
            let output = program().args(words).args(["--color", colour]).output().unwrap();
            let message = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{words:?}: {message}");
            assert!(message.contains(shown), "{words:?}: {message}");
            let plain = message.replace('\n', " ");
            let is_bad = |c: char| c.is_control() && !(colour == "always" && c == '\u{1b}');
            assert!(!plain.contains(is_bad) && !plain.contains(['\u{202e}', '\u{200b}']), "{words:?}: {message:?}");
            assert!(!message.contains("\u{1b}[31mb"), "{words:?}: {message:?}");
        }
    }
}

#[test]
fn a_program_without_arguments_prints_its_help() {
    let output = program().output().unwrap();
    let help = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{help}");
    assert!(help.contains("\nPlugins:\n  load ") && !help.contains(r"\u{"), "{help}");
}

#[tokio::test]
async fn messages_of_a_host_are_shown_with_escapes() {
    let host = TestHost::start().await;
    for words in [&["load", "./a\u{1b}[31mb\u{202e}"][..], &["job", "a\u{1b}[31mb\u{202e}"]] {
        let output = host.command(words).await;
        let message = stderr(&output);
        assert!(matches!(output.status.code(), Some(1 | 2)), "{message}");
        assert!(message.contains(r"a\u{1b}[31mb\u{202e}"), "{message:?}");
        assert!(!message.contains(['\u{1b}', '\u{202e}']), "{message:?}");
    }
}

#[test]
fn the_argument_then_the_environment_then_the_terminal_selects_colours() {
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("skipped: colours on a terminal, because `script` is not installed");
        return;
    }
    let is_coloured = |on_terminal: bool, variables: &[(&str, &str)], words: &str| {
        let name = program().get_program().to_str().unwrap().to_owned();
        let line = format!("{name} shw {words} 2>&1");
        let mut command = if on_terminal { Command::new("script") } else { Command::new("sh") };
        if on_terminal {
            command.args(["-qec", &line, "/dev/null"]);
        } else {
            command.args(["-c", &line]);
        }
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm").env("SHELL", "/bin/sh").envs(variables.iter().copied()).stdin(Stdio::null());
        let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
        assert!(text.contains("unrecognized subcommand"), "{text}");
        text.contains('\u{1b}')
    };
    let force = ("CLICOLOR_FORCE", "1");
    for (on_terminal, variables, words, expected) in [
        (true, &[][..], "", true),
        (false, &[], "", false),
        (true, &[("NO_COLOR", "1")], "", false),
        // An empty variable counts as not set: https://no-color.org
        (true, &[("NO_COLOR", "")], "", true),
        (true, &[("NO_COLOR", "1")], "--color always", true),
        (true, &[], "--color never", false),
        (false, &[force], "", true),
        (false, &[("CLICOLOR_FORCE", "0")], "", false),
        (false, &[("CLICOLOR_FORCE", "")], "", false),
        (false, &[force, ("NO_COLOR", "1")], "", false),
        (false, &[force], "--color=never", false),
        (true, &[("CLICOLOR", "0")], "", false),
        (true, &[("TERM", "dumb")], "", false),
    ] {
        assert_eq!(is_coloured(on_terminal, variables, words), expected, "{on_terminal} {variables:?} {words}");
    }
}

#[tokio::test]
async fn output_that_cannot_be_written_is_a_failure_and_a_closed_pipe_is_not() {
    let host = TestHost::start().await;
    host.load("counter").await;
    let job = host.get("/api/jobs").await.json()["jobs"][0]["id"].as_str().unwrap().to_owned();
    let set = host.sources().join("plugins.yaml");
    std::fs::write(&set, "version: 1\nprune: true\nplugins: []\n").unwrap();
    let set = set.to_str().unwrap().to_owned();
    for words in [
        &["list"][..],
        &["list", "--json"],
        &["list", "-o", "yaml"],
        &["show", "counter"],
        &["logs", "counter"],
        &["logs", "counter", "--json"],
        &["logs", "counter", "--follow"],
        &["configure", "counter"],
        &["graph"],
        &["export"],
        &["plan", "-f", &set],
        &["revisions"],
        &["jobs"],
        &["job", &job],
        &["job", &job, "--log"],
        &["job", &job, "--follow"],
        &["events"],
        &["events", "--json"],
        &["events", "--follow"],
        &["events", "--follow", "--json"],
        &["audit"],
        &["token", "list"],
        &["cache", "info"],
        &["config", "running"],
        &["ping"],
    ] {
        ends_with_its_output(of(&host, words), words).await;
    }
    for words in [
        &["--help"][..],
        &["help", "serve"],
        &["--version"],
        &["config", "show"],
        &["config", "show", "--json"],
        &["completions", "bash"],
        &["man"],
    ] {
        let mut command = program();
        command.args(words).current_dir(host.sources());
        ends_with_its_output(command, words).await;
    }
}

/// Asserts that a command fails if its output cannot be written, and ends quietly if nobody reads it.
async fn ends_with_its_output(mut command: Command, words: &[&str]) {
    let output = ended(command.stdout(File::options().write(true).open("/dev/full").unwrap()), words).await;
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{words:?} > /dev/full: {message}");
    assert!(message.contains("error: failed to write the output\n  No space left on device"), "{words:?}: {message}");

    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = ended(command.stdout(writer), words).await;
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{words:?} | true: {message}");
    assert!(!message.contains("error:") && !message.contains("panicked"), "{words:?}: {message}");
}

/// Runs a command whose standard output is set to its end.
async fn ended(command: &mut Command, words: &[&str]) -> Output {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    eventually(&format!("{words:?} ends"), async || child.try_wait().unwrap().is_some()).await;
    tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_command_that_follows_ends_when_its_reader_has_seen_enough() {
    let host = TestHost::start().await;
    host.load("counter").await;
    for words in [&["events", "--follow"][..], &["logs", "counter", "--follow"], &["events", "--follow", "--json"]] {
        let mut child = of(&host, words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut reader = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        // As `head -1` does. Nothing happens in the host, so nothing more is written.
        drop(reader);
        eventually(&format!("{words:?} ends"), async || child.try_wait().unwrap().is_some()).await;
        let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{words:?}");
        assert!(!line.is_empty(), "{words:?}");
    }
}

/// Runs `unload store` on a terminal, answers its question, and returns its output.
async fn unloaded_with(host: &TestHost, answer: &'static str) -> Output {
    let unload = of(host, &["unload", "store"]);
    let words: Vec<_> = unload.get_args().map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let line = format!("{} {}", unload.get_program().to_str().unwrap(), words.join(" "));
    let mut command = Command::new("script");
    command.args(["-qec", &line, "/dev/null"]).env("SHELL", "/bin/sh").env("NO_COLOR", "1");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    tokio::task::spawn_blocking(move || {
        // The terminal stays open until the command has ended.
        let mut terminal = child.stdin.take().unwrap();
        terminal.write_all(answer.as_bytes()).unwrap();
        let status = child.wait().unwrap();
        drop(terminal);
        Output { status, ..child.wait_with_output().unwrap() }
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn unload_asks_on_a_terminal_and_names_the_stored_data() {
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("skipped: the question of unload, because `script` is not installed");
        return;
    }
    let host = TestHost::start().await;
    host.load("store").await;
    host.request("PUT", &endpoint("store/notes/a")).body(b"text").send().await.expect(204);
    for answer in ["n\n", "\n"] {
        let refused = unloaded_with(&host, answer).await;
        let shown = String::from_utf8(refused.stdout).unwrap();
        let question = "unload `store` and delete its configuration and its stored data (1 key, ";
        assert!(shown.contains(question) && shown.contains("error: nothing was changed"), "{shown}");
        assert!(shown.contains("--keep-data keeps the data"), "{shown}");
        assert_eq!(refused.status.code(), Some(1), "{shown}");
        assert_eq!(host.plugin("store").await["stored_data"]["keys"], 1);
    }
    let unloaded = unloaded_with(&host, "y\n").await;
    assert_eq!(unloaded.status.code(), Some(0), "{}", String::from_utf8_lossy(&unloaded.stdout));
    host.get("/api/plugins/store").await.expect(404);
}
