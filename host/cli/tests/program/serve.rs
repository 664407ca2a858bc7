//! `serve`: start, limits and end.

use std::process::Command;

use expect_test::expect;
use rustix::process::Signal;
use tempfile::TempDir;

use super::{Running, run};

#[test]
fn the_host_raises_its_open_file_limit_to_the_hard_limit() {
    let folder = TempDir::new().unwrap();
    let limited = "ulimit -Sn 256 && exec \"$0\" serve --cargo /bin/false --port 0";
    #[expect(clippy::disallowed_methods, reason = "a shell is what sets the limits that a host is started with")]
    let mut shell = Command::new("sh");
    shell.current_dir(folder.path()).args(["-c", limited, env!("CARGO_BIN_EXE_plugin-host")]);
    let host = Running::of(shell);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", host.child.id())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let [soft, hard] = [3, 4].map(|at| files.split_whitespace().nth(at).unwrap());
    assert_eq!(soft, hard, "{limits}");
}

#[test]
fn a_host_starts_responds_and_stops() {
    let folder = TempDir::new().unwrap();
    let mut host = Running::start(folder.path(), &["--load", "missing"]);
    let log = host.wait_for("the host is ready");
    // A source that cannot be loaded is reported, and the host starts without it.
    assert!(log.contains("error: failed to load missing\n  failed to fetch the source\n"), "{log}");
    let url = host.url.clone();
    let ask = |words: &[&str]| run(folder.path(), &[words, &["--url", &url]].concat());

    expect![[r#"
        exit 0
        --- stdout
        --- stderr
        no plugin is installed; `plugin-host load SOURCE` installs one
    "#]]
    .assert_eq(&ask(&["list"]));
    expect![[r#"
        exit 1
        --- stdout
        --- stderr
        error: no plugin `nope` is installed

        fix: run `plugin-host list` to see the installed plugins
    "#]]
    .assert_eq(&ask(&["show", "nope"]));
    expect![[r#"
        exit 1
        --- stdout
        --- stderr
          fetching FOLDER/missing
        error: failed to fetch the source: there is no `FOLDER/missing`

        fix: check the spelling; over the API, relative paths start in the folder where the host was started
    "#]]
    .assert_eq(&ask(&["load", "missing", "--verbose"]));
    expect![[r#"
        exit 1
        --- stdout
        --- stderr
        error: the token is invalid
          the token was read from --token

        fix: set --plugin-dir to the host's plugin folder, or PLUGIN_HOST_TOKEN to a valid token
    "#]]
    .assert_eq(&ask(&["list", "--token", "wrong"]));
    expect![[r#"
        exit 0
        --- stdout
        {"count":0,"plugins":{},"total":0}
        --- stderr
    "#]]
    .assert_eq(&ask(&["list", "--json"]));

    let second = run(folder.path(), &["serve", "--port", "0"]);
    expect![[r#"
        exit 1
        --- stdout
        --- stderr
        error: failed to open the data folders
          plugin folder `FOLDER/cache` is in use by another host

        fix: stop that host, or give this one its own folder with `--plugin-dir`
    "#]]
    .assert_eq(&second);

    let other = TempDir::new().unwrap();
    let port = url.rsplit(':').next().unwrap();
    let refused = run(other.path(), &["serve", "--port", port]);
    assert!(refused.starts_with("exit 1\n") && refused.contains("error: failed to bind"), "{refused}");
    assert_eq!(other.path().read_dir().unwrap().count(), 0, "a host that cannot bind makes no folders");

    host.signal(Signal::TERM);
    let (code, stdout, stderr) = host.end();
    assert_eq!((code, stdout.contains("operator.token")), (Some(0), true), "{stdout}");
    assert!(stderr.contains("stopped after SIGTERM"), "{stderr}");
}
