//! A real host for a test: the program itself, in folders of its own.

#[path = "host/log.rs"]
mod log;
#[path = "host/options.rs"]
mod options;

use std::fmt::Write as _;
use std::ops::Deref;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{Answer, Client};
use crate::plugins;
use log::Log;
pub(crate) use options::Options;
use options::without_settings;

/// Longer than anything takes on a slow machine, a build included: what has not happened by then never will.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// A running host. Use it as the [`Client`] of its operator.
///
/// When it is dropped it is told to stop. It must end well, and leave nothing half made behind.
pub(crate) struct TestHost {
    client: Client,
    child: Child,
    log: Log,
    /// Holds the plugin folder, and `sources` for what a test makes.
    folder: Arc<TempDir>,
    flags: Vec<String>,
    variables: Vec<(String, String)>,
    has_own_disk: bool,
    has_stopped: bool,
    was_terminated: AtomicBool,
}

impl TestHost {
    /// Starts a host with nothing loaded and waits until it is ready.
    pub(crate) async fn start() -> TestHost {
        TestHost::with(&[]).await
    }

    /// The same with more flags.
    pub(crate) async fn with(flags: &[&str]) -> TestHost {
        TestHost::options().flags(flags).start().await
    }

    pub(crate) fn options() -> Options {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sources")).unwrap();
        Options {
            flags: Vec::new(),
            variables: Vec::new(),
            folder: Arc::new(folder),
            disk_bytes: None,
            max_files: None,
        }
    }

    /// Where the host keeps what is installed.
    pub(crate) fn plugin_dir(&self) -> PathBuf {
        let folder = self.folder.path().join("plugins");
        if self.has_own_disk {
            // The mount is only visible in the host's namespace.
            Path::new(&format!("/proc/{}/root", self.pid())).join(folder.strip_prefix("/").unwrap())
        } else {
            folder
        }
    }

    /// A folder below which the host reads sources.
    pub(crate) fn sources(&self) -> PathBuf {
        self.folder.path().join("sources")
    }

    /// The id of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The ids of the processes that the host has started and that have not ended.
    pub(crate) fn children(&self) -> Vec<u32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        let lists = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
        lists.flat_map(|list| list.split_whitespace().map(|id| id.parse().unwrap()).collect::<Vec<_>>()).collect()
    }

    /// Asks for a source to be loaded, in place of another source of the same plugin. One that is built is built while
    /// no other host builds, since the hosts of a test run share their build cache.
    pub(crate) async fn try_load(&self, source: &Path) -> Answer {
        self.try_load_with(source, json!({})).await
    }

    /// The same with a configuration.
    pub(crate) async fn try_load_with(&self, source: &Path, configuration: Value) -> Answer {
        let body = json!({ "source": source, "config": configuration, "replace": true });
        let _turn = plugins::turn_to_build(source).await;
        self.post_json("/api/plugins/load", &body).await
    }

    /// Loads a built copy of a plugin of `tests/plugins` or `examples`, under its own id.
    pub(crate) async fn load(&self, name: &str) -> Answer {
        let library = plugins::built(name).await;
        self.try_load(&library).await.expect(200)
    }

    /// Calls an endpoint of a plugin.
    pub(crate) async fn call(&self, path: &str) -> Answer {
        self.anonymous().get(&endpoint(path)).await
    }

    /// What the list shows of a plugin.
    pub(crate) async fn plugin(&self, id: &str) -> Value {
        self.get(&format!("/api/plugins/{id}")).await.expect(200).json()
    }

    /// All that the host has written so far.
    pub(crate) fn log(&self) -> String {
        self.log.text()
    }

    /// Waits until the host writes a line that holds `text`, and gives that line.
    pub(crate) async fn logged(&self, text: &str) -> String {
        self.log.wait_for(text).await
    }

    /// How many bytes of memory the host occupies.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// The value of a line of `/metrics`, for example `plugin_host_generation{plugin="hello"}`.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.anonymous().get("/metrics").await.expect(200).text();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no metric `{name}` in\n{text}")).parse().unwrap()
    }

    /// Tells the host to stop, without waiting for it.
    pub(crate) fn terminate(&self) {
        // Told twice, it would not wait for calls in flight.
        if self.was_terminated.swap(true, Ordering::SeqCst) {
            return;
        }
        let pid = i32::try_from(self.child.id()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::TERM)
            .unwrap();
    }

    /// Runs a command of the program, as the operator of this host would.
    pub(crate) async fn command(&self, words: &[&str]) -> Output {
        let url = format!("http://{}", self.address);
        let plugin_dir = self.plugin_dir();
        let mut command = program();
        command.args(words).env("PLUGIN_DIR", &plugin_dir).env("HOST", "127.0.0.1");
        command.env("PORT", self.address.port().to_string()).env("PLUGIN_HOST_URL", url);
        command.current_dir(self.sources());
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    /// Waits for its end, and looks at what it leaves behind.
    fn end(&mut self) -> Result<(), String> {
        let exit = self.exit()?;
        let mut problems = String::new();
        if exit.code() != Some(0) {
            let _ = writeln!(problems, "the host ended with {exit}");
        }
        if let Some(line) =
            self.log.lines().iter().find(|line| line.contains("thread '") && line.contains("panicked at"))
        {
            let _ = writeln!(problems, "the host panicked: {line}");
        }
        for entry in std::fs::read_dir(self.plugin_dir().join("tmp")).into_iter().flatten().flatten() {
            let _ = writeln!(problems, "it left {}", entry.path().display());
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    fn exit(&mut self) -> Result<ExitStatus, String> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait().unwrap() {
                Some(exit) => return Ok(exit),
                None if Instant::now() > until => {
                    let _ = self.child.kill();
                    let _ = self.child.wait();
                    return Err(format!("the host did not stop within {} s", PATIENCE.as_secs()));
                }
                // There is no portable way to wait for a child with a deadline.
                None => std::thread::park_timeout(Duration::from_millis(5)),
            }
        }
    }

    /// Tells the host to stop and waits until it has; what [`Drop`] asserts is asserted.
    pub(crate) fn stop(mut self) {
        self.stop_now();
    }

    /// The same, and gives what it has left on disk.
    pub(crate) fn stop_and_keep(mut self) -> Arc<TempDir> {
        self.stop_now();
        self.folder.clone()
    }

    /// Ends the host as a power cut would, and gives what it has left on disk.
    pub(crate) fn kill(self) -> Arc<TempDir> {
        self.pull_plug().folder
    }

    /// Waits until the host is killed by itself; gives how another one is started on what it has left.
    pub(crate) fn killed(mut self) -> Options {
        self.has_stopped = true;
        let exit = self.exit();
        let is_killed = exit.as_ref().is_ok_and(|exit| exit.signal() == Some(9));
        assert!(is_killed, "the host was not killed: {exit:?}\n=== what the host wrote ===\n{}", self.log());
        self.again()
    }

    /// Waits until the host has ended by itself, with this signal or exit status; gives how another one is started on
    /// what it has left.
    pub(crate) fn crashed(mut self, end: i32) -> Options {
        self.has_stopped = true;
        let exit = self.exit();
        let found = exit.as_ref().ok().and_then(|exit| exit.signal().or(exit.code()));
        assert_eq!(found, Some(end), "{exit:?}\n=== what the host wrote ===\n{}", self.log());
        self.again()
    }

    /// Ends the host as a power cut would; gives how another one is started on what it has left.
    pub(crate) fn pull_plug(mut self) -> Options {
        self.has_stopped = true;
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.again()
    }

    /// Returns whether the process is gone.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// How another one is started on the same data folders. The one before must have ended.
    pub(crate) fn again(&self) -> Options {
        let (flags, variables) = (self.flags.clone(), self.variables.clone());
        Options { flags, variables, folder: self.folder.clone(), disk_bytes: None, max_files: None }
    }

    /// Stops the host and starts another one on the same data folders.
    pub(crate) async fn restart(mut self) -> TestHost {
        self.stop_now();
        self.again().start().await
    }

    /// The same with other flags.
    pub(crate) async fn restart_with(mut self, flags: &[&str]) -> TestHost {
        self.flags = flags.iter().map(|flag| flag.to_string()).collect();
        self.restart().await
    }

    /// Ends the host as a power cut would, and starts another one on the same data folders.
    pub(crate) async fn kill_and_restart(self) -> TestHost {
        let (flags, variables) = (self.flags.clone(), self.variables.clone());
        let folder = self.kill();
        Options { flags, variables, folder, disk_bytes: None, max_files: None }.start().await
    }

    fn stop_now(&mut self) {
        if std::mem::replace(&mut self.has_stopped, true) {
            return;
        }
        if matches!(self.child.try_wait(), Ok(None)) {
            self.terminate();
        }
        let ended = self.end();
        if std::thread::panicking() {
            eprintln!("=== what the host wrote ===\n{}\n=== its end: {ended:?} ===", self.log());
        } else if let Err(problems) = ended {
            panic!("{problems}\n=== what the host wrote ===\n{}", self.log());
        }
    }
}

impl Deref for TestHost {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        self.stop_now();
    }
}

/// Where an endpoint of a plugin is, for example of `hello/hello`.
pub(crate) fn endpoint(path: &str) -> String {
    format!("/api/plugin-endpoints/{path}")
}

/// The program, without what the environment of the tests would tell it.
pub(crate) fn program() -> Command {
    without_settings(Command::new(env!("CARGO_BIN_EXE_plugin-host")))
}

/// Asks again and again until `is_so`. For what only its effect shows: there is no event to wait for.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let until = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < until, "it never came to be: {what}");
        ticks.tick().await;
    }
}
