//! The program: output, exit codes and end.
#![allow(clippy::unwrap_used, reason = "a test that cannot do what it set out to do has failed")]

mod arguments;
mod client;
mod configuration;
mod init;
mod serve;

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use expect_test::Expect;
use rustix::process::{Pid, Signal, kill_process};

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
        // Ends the host of a failed test. Killing a host that has ended fails, which does not matter.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
