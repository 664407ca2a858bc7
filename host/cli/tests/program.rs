//! The program: output, exit codes and end.
#![allow(clippy::unwrap_used, reason = "a test that cannot do what it set out to do has failed")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use expect_test::{Expect, expect};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The program in its own folder with a minimal environment.
fn program(folder: &Path, words: &[&str]) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the test is about how the program starts and ends")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_plugin-host"));
    command.current_dir(folder).env_clear().args(words);
    let inherited = ["PATH", "HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];
    command.envs(std::env::vars().filter(|(name, _)| inherited.contains(&name.as_str())));
    command
}

/// Runs the program to its end: exit code, stdout and stderr, with variable parts replaced.
fn run(folder: &Path, words: &[&str]) -> String {
    show(program(folder, words).output().unwrap(), folder)
}

fn show(output: std::process::Output, folder: &Path) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(&folder.display().to_string(), "FOLDER");
    format!(
        "exit {}\n--- stdout\n{}--- stderr\n{}",
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        text(&output.stderr)
    )
}

fn check(folder: &Path, words: &[&str], expected: Expect) {
    expected.assert_eq(&run(folder, words));
}

/// A host that cannot build, since a warm-up would only take time.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: BufReader<ChildStderr>,
    url: String,
}

impl Running {
    fn start(folder: &Path, words: &[&str]) -> Running {
        let all = [&["serve", "--cargo", "/bin/false", "--port", "0"], words].concat();
        Running::of(program(folder, &all))
    }

    fn of(mut command: Command) -> Running {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("listening on ").expect("the first line says where it listens").to_owned();
        Running { child, stdout, stderr, url }
    }

    /// Reads log lines until one contains `text`.
    fn wait_for(&mut self, text: &str) -> String {
        let mut all = String::new();
        while !all.contains(text) {
            assert_ne!(self.stderr.read_line(&mut all).unwrap(), 0, "it ended without `{text}`:\n{all}");
        }
        all
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Exit code, the rest of stdout, the rest of stderr.
    fn end(&mut self) -> (Option<i32>, String, String) {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut stdout).unwrap();
        self.stderr.read_to_string(&mut stderr).unwrap();
        (self.child.wait().unwrap().code(), stdout, stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves no host behind; one that ended cannot be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn without_a_host_a_client_explains_how_to_start_one() {
    let folder = TempDir::new().unwrap();
    // A port below 1024, which no test of this machine listens on.
    let url = "http://127.0.0.1:1";
    check(
        folder.path(),
        &["list"],
        expect![[r#"
            exit 2
            --- stdout
            --- stderr
            error: failed to read the operator token `FOLDER/cache/operator.token`
              No such file or directory (os error 2)

            fix: start a host with `plugin-host serve`, set --plugin-dir to its plugin folder, or set PLUGIN_HOST_TOKEN
        "#]],
    );
    let shown = run(folder.path(), &["list", "--url", url, "--token", "x"]).replace(url, "URL");
    expect![[r#"
        exit 3
        --- stdout
        --- stderr
        error: no host is reachable at URL
          Connection refused (os error 111)

        fix: start a host with `plugin-host serve`, or set --url to a running host
    "#]]
    .assert_eq(&shown);
    check(
        folder.path(),
        &["list", "--url", "127.0.0.1:4000"],
        expect![[r#"
            exit 2
            --- stdout
            --- stderr
            error: `127.0.0.1:4000` is not the URL of a host
              relative URL without a base

            fix: did you mean `http://127.0.0.1:4000`?
        "#]],
    );
    check(
        folder.path(),
        &["list", "--url", "http://192.0.2.1:4000"],
        expect![[r#"
            exit 2
            --- stdout
            --- stderr
            error: no token is set for http://192.0.2.1:4000/
              the token of the host on this machine is not sent to other machines

            fix: set PLUGIN_HOST_TOKEN or --token
        "#]],
    );
}

#[test]
fn a_configuration_that_is_not_a_regular_file_is_refused_at_once() {
    let folder = TempDir::new().unwrap();
    let (read, write) = (rustix::fs::Mode::RUSR, rustix::fs::Mode::WUSR);
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.path().join("host.toml"), read | write).unwrap();
    check(
        folder.path(),
        &["config", "show"],
        expect![[r#"
            exit 2
            --- stdout
            --- stderr
            error: failed to read the configuration `host.toml`
              it is a pipe; it must be a regular file of at most 1 MiB

            fix: name a file that exists and can be read with --config
        "#]],
    );
}

#[test]
fn init_writes_files_that_a_host_accepts_and_overwrites_nothing() {
    let folder = TempDir::new().unwrap();
    check(
        folder.path(),
        &["init"],
        expect![[r#"
            exit 0
            --- stdout
            host.toml
            plugins.yaml
            --- stderr

            next:
              edit host.toml and plugins.yaml
              plugin-host serve                    # run the host
              plugin-host apply -f plugins.yaml    # in another terminal, in this folder
        "#]],
    );
    let shown = run(folder.path(), &["config", "show", "--origin"]);
    assert!(shown.starts_with("exit 0") && !shown.contains("file host.toml"), "{shown}");
    std::fs::remove_file(folder.path().join("host.toml")).unwrap();
    check(
        folder.path(),
        &["init"],
        expect![[r#"
            exit 1
            --- stdout
            --- stderr
            error: `plugins.yaml` exists
              `init` does not overwrite files, and has written nothing

            fix: move existing files away, or name another folder: `plugin-host init DIR`
        "#]],
    );
    assert!(!folder.path().join("host.toml").exists(), "nothing is written");
    check(
        folder.path(),
        &["init", "new/my host"],
        expect![[r#"
            exit 0
            --- stdout
            new/my host/host.toml
            new/my host/plugins.yaml
            --- stderr

            next:
              cd 'new/my host'
              edit host.toml and plugins.yaml
              plugin-host serve                    # run the host
              plugin-host apply -f plugins.yaml    # in another terminal, in this folder
        "#]],
    );
    check(
        folder.path(),
        &["init", "/proc/none"],
        expect![[r#"
            exit 1
            --- stdout
            --- stderr
            error: failed to create the folder `/proc/none`
              No such file or directory (os error 2)

            fix: name a folder that you may write: `plugin-host init DIR`
        "#]],
    );
    check(
        folder.path(),
        &["init", "/proc/self"],
        expect![[r#"
            exit 1
            --- stdout
            --- stderr
            error: failed to write `/proc/self/host.toml`
              entity not found

            fix: name a folder that you may write: `plugin-host init DIR`
        "#]],
    );
}

#[test]
fn the_commands_are_listed_under_headings() {
    let folder = TempDir::new().unwrap();
    for words in [&["--help"][..], &["help"]] {
        let help = run(folder.path(), words);
        let place = |text: &str| help.find(text).unwrap_or_else(|| panic!("no `{text}` in {help}"));
        assert!(place("\nPlugins:\n") < place("\n  load  ") && place("\n  load  ") < place("\nHost:\n"), "{help}");
        assert!(place("\nWriting plugins:\n") < place("\n  new  "), "{help}");
    }
}

#[test]
fn prove_options_are_refused_without_prove() {
    let folder = TempDir::new().unwrap();
    check(
        folder.path(),
        &["reload", "hello", "--reloads", "2"],
        expect![[r#"
        exit 2
        --- stdout
        --- stderr
        error: the following required arguments were not provided:
          --prove

        Usage: plugin-host reload --prove --reloads <N> <ID>

        For more information, try '--help'.
    "#]],
    );
    check(
        folder.path(),
        &["reload", "hello", "--prove", "--path", "hello"],
        expect![[r#"
        exit 2
        --- stdout
        --- stderr
        error: invalid value 'hello' for '--path <PATH>': a path starts with `/`

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn a_server_that_is_not_a_host_is_reported() {
    let folder = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        for answer in
            ["HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno"]
        {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
            while head.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    for expected in [
        expect![[r#"
            exit 3
            --- stdout
            --- stderr
            error: the server at URL is not a plugin host (HTTP 404)
              no

            fix: set --url to the URL of a plugin host
        "#]],
        expect![[r#"
            exit 1
            --- stdout
            --- stderr
            error: failed to parse the host's response
              expected ident at line 1 column 2

            fix: use the plugin-host program with the version of the host
        "#]],
    ] {
        expected.assert_eq(&run(folder.path(), &["list", "--url", &url, "--token", "x"]).replace(&url, "URL"));
    }
    answering.join().unwrap();
}

#[test]
fn ping_distinguishes_a_host_that_is_not_ready_from_an_unreachable_host() {
    let folder = TempDir::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answering = std::thread::spawn(move || {
        for (status, body) in [
            ("503 Service Unavailable", r#"{"status":"starting"}"#),
            ("200 OK", r#"{"status":"ready"}"#),
            ("200 OK", "hello"),
        ] {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = BufReader::new(stream.try_clone().unwrap()).lines();
            while head.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    // A configuration that is broken is not read for a host that is named.
    std::fs::File::create(folder.path().join("host.toml")).unwrap().write_all(b"port = [").unwrap();
    for expected in ["exit 1", "exit 0", "exit 3"] {
        let said = run(folder.path(), &["ping", "--url", &url]);
        assert!(said.starts_with(expected), "{said}");
    }
    answering.join().unwrap();
}

#[test]
fn an_invalid_configuration_exits_with_2_and_lists_all_problems() {
    let folder = TempDir::new().unwrap();
    check(
        folder.path(),
        &["serve", "--config", "none.toml"],
        expect![[r#"
        exit 2
        --- stdout
        --- stderr
        error: failed to read the configuration `none.toml`
          No such file or directory (os error 2)

        fix: name a file that exists and can be read with --config
    "#]],
    );
    std::fs::File::create(folder.path().join("host.toml")).unwrap().write_all(b"prot = 1\nport = 70000\n").unwrap();
    check(
        folder.path(),
        &["serve"],
        expect![[r#"
            exit 2
            --- stdout
            --- stderr
            error: the configuration is invalid
              host.toml:1: unknown key `prot`; did you mean `port`?
              host.toml:2: `port` is `70000`, expected a number from 0 to 65535

            fix: correct the listed settings; `plugin-host serve --help` describes each setting
        "#]],
    );
    for words in [&["config", "show"][..], &["list"]] {
        assert_eq!(run(folder.path(), words), run(folder.path(), &["serve"]));
    }
}

const HOST_TOML: &[u8] = b"build_slots = 1
[configuration.hello]
greeting = 'Hi'
api_key = 'hidden'
";

#[test]
fn the_configuration_is_shown_with_its_origins() {
    let folder = TempDir::new().unwrap();
    std::fs::File::create(folder.path().join("host.toml")).unwrap().write_all(HOST_TOML).unwrap();
    let mut command = program(folder.path(), &["config", "show", "--origin", "--security-mode", "strict"]);
    let shown = show(command.env("PORT", "4100").output().unwrap(), folder.path());
    expect![[r#"
        exit 0
        --- stdout
        KEY                           VALUE                                   ORIGIN
        plugin_dir                    "./cache"                               default
        cache_dir                     "./build_cache"                         default
        security_mode                 "strict"                                flag --security-mode
        debug                         false                                   default
        auto_load_plugins             []                                      default
        source_roots                  ["."]                                   default
        cors_allowed_origins          []                                      default
        host                          "127.0.0.1"                             default
        port                          4100                                    environment PORT
        allowed_hosts                 []                                      default
        trusted_proxies               []                                      default
        tls_cert                      ""                                      default
        tls_key                       ""                                      default
        allowed_repositories          []                                      default
        mirror                        []                                      default
        max_plugin_size               "100MiB"                                default
        max_upload_bytes              "64MiB"                                 default
        upload_lifetime_seconds       3600                                    default
        max_connections               4096                                    default
        max_connections_per_address   64                                      default
        max_connection_age_seconds    1800                                    default
        max_http2_streams             64                                      default
        body_idle_timeout_seconds     10                                      default
        min_body_bytes_per_second     100                                     default
        answer_timeout_seconds        30                                      default
        max_streams                   256                                     default
        max_streams_per_caller        16                                      default
        max_endpoint_timeout_seconds  300                                     default
        max_poll_ms                   50                                      default
        start_timeout_seconds         10                                      default
        stop_timeout_seconds          10                                      default
        drain_timeout_seconds         30                                      default
        max_kept_generations          100                                     default
        max_kept_versions             3                                       default
        retry_first_wait_ms           1000                                    default
        retry_max_wait_ms             60000                                   default
        quarantine_failures           10                                      default
        quarantine_window_seconds     600                                     default
        probation_seconds             60                                      default
        probation_max_error_percent   50                                      default
        probation_min_requests        20                                      default
        max_events                    10000                                   default
        max_audit_entries             100000                                  default
        max_auth_failures             10                                      default
        max_auth_failures_of_all      100                                     default
        session_seconds               43200                                   default
        shutdown_grace_seconds        30                                      default
        kv_max_value_bytes            "1MiB"                                  default
        kv_max_total_bytes            "64MiB"                                 default
        fetch_private_hosts           []                                      default
        secrets                       []                                      default
        indexes                       []                                      default
        index_keep_seconds            600                                     default
        cache_enabled                 true                                    default
        cache_max_size                "20GiB"                                 default
        unreferenced_keep_seconds     86400                                   default
        sweep_interval_seconds        3600                                    default
        build_slots                   1                                       file host.toml:1
        build_offline                 false                                   default
        cargo                         "cargo"                                 default
        rustc                         "rustc"                                 default
        log_format                    "pretty"                                default
        log_filter                    "info"                                  default
        otlp_endpoint                 ""                                      default
        configuration.hello           {"api_key":"********","greeting":"Hi"}  file host.toml:2
        --- stderr
    "#]]
    .assert_eq(&shown);
    let json = run(folder.path(), &["config", "show", "--json"]);
    assert!(json.contains(r#""build_slots":1"#) && !json.contains("hidden"), "{json}");
    assert!(json.contains(r#""configuration.hello":{"api_key":"********","greeting":"Hi"}"#), "{json}");
}

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
    // A source that fails is told, and the host goes on.
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

        fix: stop that host, or give this one its own folder
    "#]]
    .assert_eq(&second);

    host.signal(Signal::TERM);
    let (code, stdout, stderr) = host.end();
    assert_eq!((code, stdout.contains("operator.token")), (Some(0), true), "{stdout}");
    assert!(stderr.contains("stopped after SIGTERM"), "{stderr}");
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let folder = tempfile::tempdir().unwrap();
    for words in [&["config", "show"][..], &["completions", "bash"], &["man"], &["--help"], &["--version"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = program(folder.path(), words).stdout(full).output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{words:?}: {message}");
        assert!(message.starts_with("error: failed to write the output"), "{words:?}: {message}");
        // A reader that closes the pipe early is not a failure.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        assert!(program(folder.path(), words).stdout(writer).status().unwrap().success(), "{words:?}");
    }
}

#[test]
fn variables_of_other_programs_do_not_stop_a_client() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = Running::start(folder.path(), &[]);
    running.wait_for("the host is ready");
    for variables in [&[("HOST", "x86_64-conda-linux-gnu")][..], &[("HOST", "x"), ("PORT", "tcp://10.0.0.1:80")]] {
        let mut ping = program(folder.path(), &["ping", "--url", &running.url]);
        let output = ping.envs(variables.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{variables:?}: {output:?}");
    }
}
