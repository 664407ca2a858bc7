//! The way a host is started.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::log::Log;
use super::{PATIENCE, TestHost, eventually, program};
use crate::client::Client;
use crate::plugins;

/// The timeouts that are 90 seconds unless a test sets them: calls wait for what the tests do meanwhile, and hooks for a
/// machine that is busy.
const LONG_TIMEOUTS: [&str; 3] = ["--body-idle-timeout-seconds", "--start-timeout-seconds", "--stop-timeout-seconds"];

/// How a host is started.
#[derive(Clone)]
pub(crate) struct Options {
    pub(super) flags: Vec<String>,
    pub(super) variables: Vec<(String, String)>,
    pub(super) folder: Arc<TempDir>,
    /// How large the disk is that only this host has for its plugin folder; none of its own unless given.
    pub(super) disk_bytes: Option<u64>,
    /// How many files it may have open, unless as many as this process.
    pub(super) max_files: Option<u32>,
}

impl Options {
    pub(crate) fn flags(mut self, flags: &[&str]) -> Options {
        self.flags.extend(flags.iter().map(|flag| flag.to_string()));
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Options {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives the host a disk of its own for its plugin folder, which is gone when it ends.
    pub(crate) fn on_a_disk_of(self, bytes: u64) -> Options {
        Options { disk_bytes: Some(bytes), ..self }
    }

    /// Lets the host have no more than so many files open.
    pub(crate) fn with_files(self, max_files: u32) -> Options {
        Options { max_files: Some(max_files), ..self }
    }

    /// Returns whether this process may mount a disk.
    pub(crate) fn may_mount() -> bool {
        let place = tempfile::tempdir().unwrap();
        with_own_disk(place.path(), 1 << 20).arg("true").output().is_ok_and(|output| output.status.success())
    }

    /// A folder below which the host reads sources.
    pub(crate) fn sources(&self) -> PathBuf {
        self.folder.path().join("sources")
    }

    /// Where the host keeps what is installed.
    pub(crate) fn plugin_dir(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    fn command(&self) -> Command {
        let plugins = self.folder.path().join("plugins");
        let mut command = match self.disk_bytes {
            Some(bytes) => {
                std::fs::create_dir_all(&plugins).unwrap();
                let mut command = with_own_disk(&plugins, bytes);
                command.arg(env!("CARGO_BIN_EXE_plugin-host"));
                command
            }
            None => match self.max_files {
                Some(max_files) => {
                    let mut command = without_settings(Command::new("sh"));
                    command.args(["-c", &format!(r#"ulimit -n {max_files} && exec "$0" "$@""#)]);
                    command.arg(env!("CARGO_BIN_EXE_plugin-host"));
                    command
                }
                None => program(),
            },
        };
        let defaults = LONG_TIMEOUTS.iter().filter(|name| !self.flags.iter().any(|flag| flag == *name));
        command
            .arg("serve")
            .args(["--port", "0"])
            .arg("--plugin-dir")
            .arg(plugins)
            .arg("--source-root")
            .arg(self.sources())
            .arg("--source-root")
            .arg(plugins::repository())
            .arg("--source-root")
            .arg(plugins::built_folder())
            .args(defaults.flat_map(|name| [*name, "90"]))
            .args(&self.flags)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path());
        if !self.flags.iter().any(|flag| flag == "--cache-dir") {
            command.arg("--cache-dir").arg(plugins::build_cache());
        }
        command
    }

    /// Starts the host and waits until it is ready.
    pub(crate) async fn start(self) -> TestHost {
        let mut child = self.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::default();
        log.follow(child.stdout.take().unwrap());
        log.follow(child.stderr.take().unwrap());
        // The address is set below. The `TestHost` exists before, because it ends the process if the start fails.
        let client = Client { address: SocketAddr::from(([127, 0, 0, 1], 0)), token: None };
        let (has_stopped, was_terminated) = (false, AtomicBool::new(false));
        let has_own_disk = self.disk_bytes.is_some();
        let Options { flags, variables, folder, .. } = self;
        let mut host =
            TestHost { client, child, log, folder, flags, variables, has_own_disk, has_stopped, was_terminated };
        let line = host.log.wait_for("http://127.0.0.1:").await;
        host.client.address = address_in(&line);
        let client = host.client.clone();
        eventually("the host is ready", || async { client.get("/health/ready").await.status == 200 }).await;
        let token = std::fs::read_to_string(host.plugin_dir().join("operator.token")).unwrap();
        host.client.token = Some(token.trim().to_owned());
        host
    }

    /// Starts a host that kills itself before it is ready; gives how another one is started.
    pub(crate) async fn start_until_killed(self) -> Options {
        let mut child = self.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::default();
        log.follow(child.stdout.take().unwrap());
        log.follow(child.stderr.take().unwrap());
        let mut exit = None;
        let until = Instant::now() + PATIENCE;
        while exit.is_none() && Instant::now() < until {
            exit = child.try_wait().unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let _ = (child.kill(), child.wait());
        let signal = exit.and_then(|exit| exit.signal());
        assert_eq!(signal, Some(9), "the host was not killed: {exit:?}; its log:\n{}", log.text());
        self
    }

    /// Runs a host that is expected to end by itself.
    pub(crate) async fn run_to_its_end(self) -> Output {
        let mut command = self.command();
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }
}

fn address_in(line: &str) -> SocketAddr {
    let (_, rest) = line.split_once("http://").unwrap();
    let end = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ':'))).unwrap_or(rest.len());
    rest[..end].trim_end_matches(['.', ':']).parse().unwrap_or_else(|error| panic!("{error} in {line:?}"))
}

/// Runs what is added to it with a disk of its own mounted at `place`, which is gone when it ends. It keeps its process
/// id.
fn with_own_disk(place: &Path, bytes: u64) -> Command {
    let mut command = without_settings(Command::new("unshare"));
    let script = format!(r#"mount -t tmpfs -o size={bytes},mode=0700 tmpfs "$0" && exec "$@""#);
    command.args(["--mount", "--", "sh", "-c", &script]).arg(place);
    command
}

/// Removes what the environment of the tests would tell a program.
pub(super) fn without_settings(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        let starts =
            ["PLUGIN_", "CARGO_", "AUTO_LOAD_", "CORS_", "ALLOWED_", "TRUSTED_", "TLS_", "NOTIFY_", "WATCHDOG_"];
        let is_setting = starts.iter().any(|start| name_text.starts_with(start));
        if (is_setting && name_text != "CARGO_HTTP_CAINFO") || matches!(&*name_text, "HOST" | "PORT" | "RUST_LOG") {
            command.env_remove(&name);
        }
    }
    command.env("NO_COLOR", "1").env("TERM", "dumb").stdin(Stdio::null());
    command
}
