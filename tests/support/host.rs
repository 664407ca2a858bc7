//! A real host for a test: the program itself, in folders of its own.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::ops::Deref;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::client::{Answer, Client};
use crate::plugins;

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

/// How a host is started.
#[derive(Clone)]
pub(crate) struct Options {
    flags: Vec<String>,
    variables: Vec<(String, String)>,
    folder: Arc<TempDir>,
    /// How large the disk is that only this host has for its plugin folder; none of its own unless given.
    disk_bytes: Option<u64>,
    /// How many files it may have open, unless as many as this process.
    max_files: Option<u32>,
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

/// Runs what is added to it with a disk of its own mounted at `place`, which is gone when it ends. It keeps its process
/// id.
fn with_own_disk(place: &Path, bytes: u64) -> Command {
    let mut command = without_settings(Command::new("unshare"));
    let script = format!(r#"mount -t tmpfs -o size={bytes},mode=0700 tmpfs "$0" && exec "$@""#);
    command.args(["--mount", "--", "sh", "-c", &script]).arg(place);
    command
}

fn without_settings(mut command: Command) -> Command {
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

// === impl Options ===

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
        // Calls of tests wait for what the tests do meanwhile.
        let is_patient = !self.flags.iter().any(|flag| flag == "--body-idle-timeout-seconds");
        let patience = if is_patient { &["--body-idle-timeout-seconds", "90"][..] } else { &[] };
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
            .args(patience)
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
        let placeholder = SocketAddr::from(([127, 0, 0, 1], 0));
        let client = Client { address: placeholder, token: None };
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
        let mut child = self.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut exit = None;
        let until = Instant::now() + PATIENCE;
        while exit.is_none() && Instant::now() < until {
            exit = child.try_wait().unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let _ = (child.kill(), child.wait());
        assert_eq!(exit.and_then(|exit| exit.signal()), Some(9), "the host was not killed: {exit:?}");
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

/// Asks again and again until `is_so`. For what only its effect shows: there is no event to wait for.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let until = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < until, "it never came to be: {what}");
        ticks.tick().await;
    }
}

/// What a host writes, line by line.
#[derive(Clone, Default)]
struct Log(Arc<Shared>);

#[derive(Default)]
struct Shared {
    lines: Mutex<VecDeque<String>>,
    /// How many pipes have not ended.
    n_open: AtomicUsize,
    changed: Notify,
}

impl Log {
    fn follow(&self, pipe: impl Read + Send + 'static) {
        let log = self.0.clone();
        log.n_open.fetch_add(1, Ordering::SeqCst);
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                log.lines.lock().unwrap().push_back(line);
                log.changed.notify_waiters();
            }
            log.n_open.fetch_sub(1, Ordering::SeqCst);
            log.changed.notify_waiters();
        });
    }

    fn lines(&self) -> Vec<String> {
        self.0.lines.lock().unwrap().iter().cloned().collect()
    }

    fn text(&self) -> String {
        self.lines().join("\n")
    }

    async fn wait_for(&self, text: &str) -> String {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                let more = self.0.changed.notified();
                tokio::pin!(more);
                // Registered before the lines are read, so that none is missed in between.
                more.as_mut().enable();
                let has_ended = self.0.n_open.load(Ordering::SeqCst) == 0;
                let line = self.lines().into_iter().find(|line| line.contains(text));
                if line.is_some() || has_ended {
                    return line;
                }
                more.await;
            }
        });
        let found = found.await.unwrap_or_default();
        found.unwrap_or_else(|| panic!("the host never wrote `{text}`:\n{}", self.text()))
    }
}
