//! The commands of a client without a host, and with servers that are not a host.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;

use expect_test::expect;
use tempfile::TempDir;

use super::{Running, check, program, run};

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
            error: failed to read the initial admin token `FOLDER/cache/operator.token`
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

            fix: use a plugin-host program of the same version as the host
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
