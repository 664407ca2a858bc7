//! Mistakes of a person who does not know the program yet: each is answered with what to do.

use std::process::Command;

use crate::host::{TestHost, program};

/// Asserts that a command is refused with this exit code, and that its message has these parts.
fn is_answered(mut command: Command, code: i32, parts: &[&str]) {
    let output = command.output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{command:?}: {message}");
    for part in parts {
        assert!(message.contains(part), "{command:?}: `{part}` is not in {message}");
    }
}

#[test]
fn commands_of_other_programs_lead_to_those_of_this_one() {
    for (words, meant) in [
        (&["install", "https://github.com/a/b"][..], "plugin-host load"),
        (&["rm", "hello"], "plugin-host unload"),
        (&["status"], "plugin-host show"),
        (&["run"], "plugin-host serve"),
        (&["version"], "plugin-host --version"),
        (&["upgrade", "hello"], "plugin-host update"),
    ] {
        let mut command = program();
        command.args(words);
        is_answered(
            command,
            2,
            &[&format!("unrecognized subcommand '{}'", words[0]), &format!("did you mean `{meant}`?")],
        );
    }
    let mut command = program();
    command.args(["token", "install"]);
    let message = String::from_utf8(command.output().unwrap().stderr).unwrap();
    assert!(!message.contains("plugin-host load"), "{message}");
}

#[test]
fn variables_that_nothing_reads_and_variables_that_are_not_text_are_named() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    let here = |words: &[&str]| {
        let mut command = program();
        command.args(words).current_dir(folder.path());
        command
    };
    let mut misspelled = here(&["config", "show"]);
    misspelled.env("PLUGIN_HOST_PROT", "1").env("PLUGIN_HOST_SERVICE_HOST", "10.0.0.1");
    let output = misspelled.output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(message, "warning: environment: `PLUGIN_HOST_PROT` has no effect; did you mean `PLUGIN_HOST_PORT`?\n");
    let mut token = here(&["list", "--url", "http://127.0.0.1:1"]);
    token.env("PLUGIN_HOST_TOKEN", std::ffi::OsStr::from_bytes(b"dph_\xff"));
    is_answered(token, 2, &["the environment variable `PLUGIN_HOST_TOKEN` is not UTF-8"]);
}

#[tokio::test]
async fn sources_and_urls_that_are_almost_right_are_corrected() {
    let host = TestHost::start().await;
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "x").unwrap();
    let text = text.to_str().unwrap();
    let gone = folder.path().join("gone");
    let gone = gone.to_str().unwrap();
    let address = host.address.to_string();
    let url = format!("http://{address}");
    let own = |words: &[&str]| {
        let mut command = program();
        command.args(words).arg("--plugin-dir").arg(host.plugin_dir()).current_dir(folder.path());
        command
    };
    is_answered(own(&["load", gone, "--url", &url]), 2, &["cannot be read", "No such file or directory"]);
    is_answered(own(&["load", text, "--url", &url]), 2, &["is not a source", "must be a `.zip` or a `.so`"]);
    is_answered(
        own(&["load", "/dev/null", "--url", &url]),
        2,
        &["`/dev/null` is not a source", "it is a device", "fix: "],
    );
    let page = ["load", "acme/hello?tab=readme-ov-file", "--url", &url];
    is_answered(own(&page), 2, &["did you mean `https://github.com/acme/hello`?"]);
    is_answered(own(&["load", "github.com?x=1", "--url", &url]), 2, &["is not a repository address"]);
    is_answered(own(&["load", "~/gone", "--url", &url]), 2, &["cannot be read", "No such file or directory"]);
    let meant = format!("did you mean `{gone}`?");
    is_answered(own(&["load", &format!("file://{gone}"), "--url", &url]), 2, &[&meant]);
    is_answered(own(&["list", "--url", &address]), 2, &[&format!("did you mean `{url}`?")]);
    let tls = format!("https://{address}");
    is_answered(own(&["list", "--url", &tls]), 3, &["the server does not use TLS", "starts with http://"]);
    is_answered(own(&["list", "--url", &url, "--token", ""]), 2, &["the token in --token is empty"]);
    // A folder without a plugin is the author's, and says nothing about the host's data.
    let mut pack = program();
    pack.arg("pack").current_dir(folder.path());
    let message = String::from_utf8(pack.output().unwrap().stderr).unwrap();
    assert!(message.contains("no `plugin.yaml` at the root") && !message.contains("data folders"), "{message}");
}

#[test]
fn folders_that_cannot_be_used_are_named_with_the_flags_that_select_them() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "x").unwrap();
    for place in ["file", "/proc/none"] {
        let mut command = program();
        command.args(["serve", "--port", "0", "--plugin-dir", place]).current_dir(folder.path());
        is_answered(command, 1, &["failed to open the data folders", place, "fix: set --plugin-dir and --cache-dir"]);
    }
}
