//! The guarantees of a run, tested with real programs.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::time::Duration;

use host_process::{Command, Error, Exit, Line, Stream};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(100);

fn sh(script: &str, timeout: Duration) -> Command {
    Command::new("/bin/sh", "/", timeout).env("PATH", "/usr/bin:/bin").args(["-c", script])
}

async fn output(command: Command) -> (Result<Exit, Error>, Vec<String>) {
    let mut lines = Vec::new();
    let result = command.run(|line| lines.push(line.text)).await;
    (result, lines)
}

/// A process that the script under test started; the script printed its id.
struct Process(OwnedFd);

impl Process {
    fn by_id(text: &str) -> Process {
        let pid = text.trim().parse().ok().and_then(Pid::from_raw).expect("the script says an id");
        Process(pidfd_open(pid, PidfdFlags::empty()).expect("the process runs"))
    }

    fn assert_gone(&self) {
        let patience = Timespec { tv_sec: 30, tv_nsec: 0 };
        // The runtime's handler for ended children interrupts the poll.
        let n_ready = rustix::io::retry_on_intr(|| poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&patience)));
        assert_eq!(n_ready, Ok(1), "the process is still there");
    }
}

/// Starts a grandchild that would run for an hour and prints its id.
const WITH_GRANDCHILD: &str = "sleep 3600 & echo $!; wait";

#[tokio::test]
async fn lines_come_from_both_streams_with_the_exit_code() {
    let mut lines = Vec::new();
    let exit = sh("echo out; echo err >&2; printf tail; exit 3", LONG).run(|line| lines.push(line)).await.unwrap();
    assert_eq!(exit, Exit { code: Some(3), signal: None });
    assert!(!exit.is_success());
    let of = |stream| -> Vec<&str> {
        lines.iter().filter(|line: &&Line| line.stream == stream).map(|line| line.text.as_str()).collect()
    };
    assert_eq!(of(Stream::Stdout), ["out", "tail"]);
    assert_eq!(of(Stream::Stderr), ["err"]);
}

#[tokio::test]
async fn a_line_is_passed_on_while_the_program_is_running() {
    // The program only ends after the callback has reacted to its first line.
    let folder = std::env::temp_dir().join(format!("host-process-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let fifo = folder.join("answer");
    let make = format!("mkfifo '{}'", fifo.display());
    assert!(output(sh(&make, LONG)).await.0.unwrap().is_success());
    let script = format!("echo first; read answer < '{}'; echo $answer", fifo.display());
    let mut lines = Vec::new();
    let exit = sh(&script, LONG)
        .run(|line| {
            if lines.is_empty() {
                use std::io::Write as _;
                std::fs::OpenOptions::new().write(true).open(&fifo).unwrap().write_all(b"second\n").unwrap();
            }
            lines.push(line.text);
        })
        .await;
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(exit.unwrap().is_success());
    assert_eq!(lines, ["first", "second"]);
}

#[tokio::test]
async fn the_program_gets_exactly_the_given_environment() {
    let command = Command::new("/usr/bin/env", "/", LONG).env("COLOR", "red").env("COLOR", "blue");
    assert_eq!(output(command).await.1, ["COLOR=blue"]);
}

#[tokio::test]
async fn a_bare_name_is_looked_up_in_the_given_path() {
    let command = |path| Command::new("sh", "/", Duration::MAX).args(["-c", "exit 0"]).env("PATH", path);
    assert!(output(command("/usr/bin:/bin")).await.0.unwrap().is_success());
    assert_eq!(output(command("/nowhere")).await.0.unwrap_err().code(), "process_not_found");
}

#[tokio::test]
async fn the_program_runs_in_its_folder_with_empty_standard_input() {
    assert_eq!(output(Command::new("/bin/sh", "/usr", LONG).args(["-c", "pwd; cat"])).await.1, ["/usr"]);
}

#[tokio::test]
async fn each_failure_has_its_error_code() {
    for (command, code) in [
        (Command::new("/no/such/program", "/", LONG), "process_not_found"),
        (Command::new("/bin/sh", "/no/such/folder", LONG), "process_failed"),
        (Command::new("/etc/passwd", "/", LONG), "process_failed"),
        (sh("exec sleep 3600", SHORT), "process_timed_out"),
        (sh("while :; do echo x; sleep 0.01; done", SHORT), "process_timed_out"),
        (sh("echo x; exec sleep 3600", LONG).silence_timeout(SHORT), "process_silent"),
        (sh("exec cat /dev/zero", LONG).max_output_bytes(100_000), "process_output_too_large"),
        (sh("exec >&- 2>&-; exec sleep 3600", SHORT), "process_timed_out"),
    ] {
        let shown = format!("{command:?}");
        assert_eq!(command.run(drop).await.unwrap_err().code(), code, "{shown}");
    }
}

#[tokio::test]
async fn output_restarts_the_silence_timeout() {
    let command = sh("for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.3; done", LONG);
    let (result, lines) = output(command.silence_timeout(Duration::from_millis(2500))).await;
    assert!(result.unwrap().is_success());
    assert_eq!(lines.len(), 10);
}

#[tokio::test]
async fn a_timeout_kills_grandchildren() {
    let mut grandchild = None;
    let command = sh(WITH_GRANDCHILD, Duration::from_secs(5));
    let error = command.run(|line| grandchild = Some(Process::by_id(&line.text))).await.unwrap_err();
    assert_eq!(error.code(), "process_timed_out");
    grandchild.unwrap().assert_gone();
}

#[tokio::test]
async fn dropping_the_future_kills_grandchildren() {
    let (sender, mut grandchild) = tokio::sync::mpsc::unbounded_channel();
    let run = sh(WITH_GRANDCHILD, LONG).run(move |line| sender.send(Process::by_id(&line.text)).unwrap());
    let grandchild = until_first(run, grandchild.recv()).await.unwrap();
    grandchild.assert_gone();
}

/// The process that is killed: this test, started by the next one.
#[tokio::test]
async fn host_to_be_killed() {
    if std::env::var_os("KILL_TEST").is_some() {
        let _ = sh(WITH_GRANDCHILD, LONG).run(|line| println!("\nid {}", line.text)).await;
    }
}

#[tokio::test]
async fn programs_end_when_the_host_is_killed() {
    let (sender, mut grandchild) = tokio::sync::mpsc::unbounded_channel();
    let host =
        Command::new(std::env::current_exe().unwrap(), "/", LONG).env("KILL_TEST", "1").env("PATH", "/usr/bin:/bin");
    let run = host.args(["--exact", "host_to_be_killed", "--nocapture"]).run(move |line| {
        if let Some(id) = line.text.strip_prefix("id ") {
            sender.send(Process::by_id(id)).unwrap();
        }
    });
    // Dropping the run kills the host, but not the group that the host has created.
    until_first(run, grandchild.recv()).await.unwrap().assert_gone();
}

/// Runs both futures; returns the output of the second and drops the first.
async fn until_first<T>(run: impl Future, event: impl Future<Output = T>) -> T {
    tokio::select! {
        _ = run => panic!("the program ended by itself"),
        value = event => value,
    }
}

#[tokio::test]
async fn no_process_outlives_a_program_that_exits() {
    let mut grandchild = None;
    let command = sh("sleep 3600 & echo $!; exit 0", LONG);
    let exit = command.run(|line| grandchild = Some(Process::by_id(&line.text))).await.unwrap();
    assert!(exit.is_success());
    grandchild.unwrap().assert_gone();
}

#[tokio::test]
async fn a_process_that_left_the_group_does_not_block_the_run() {
    let mut stranger = None;
    let command = sh("setsid sleep 30 & echo $!; exit 0", Duration::from_secs(20));
    let exit = command.run(|line| stranger = Some(line.text)).await.unwrap();
    assert!(exit.is_success());
    let pid = Pid::from_raw(stranger.unwrap().parse().unwrap()).unwrap();
    let _ = kill_process(pid, Signal::KILL);
}

#[tokio::test]
async fn a_signal_is_distinguished_from_an_exit_code() {
    let exit = output(sh("kill -9 $$", LONG)).await.0.unwrap();
    assert_eq!((exit.code, exit.signal, exit.to_string()), (None, Some(9), "was ended by signal 9".to_owned()));
}

#[test]
fn debug_output_hides_values_of_the_environment() {
    let shown = format!("{:?}", sh("true", LONG).env("TOKEN", "hunter2"));
    assert!(shown.contains("TOKEN") && !shown.contains("hunter2"), "{shown}");
}
