//! A plugin in a real host: the program `plugin-host`, built, loaded and called as an operator and a caller would.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The time limit for a start or stop of the host, sufficient for a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time limit for a build.
const BUILD_PATIENCE: Duration = Duration::from_secs(1800);

/// A running `plugin-host` with one plugin. It is stopped when this value is dropped.
///
/// The program is the one in the variable `PLUGIN_HOST`, or `plugin-host` of the PATH. Its folders are temporary except
/// for the build cache, which all tests share below `target/`.
///
/// ```no_run
/// use plugin_sdk::testing::TestHost;
///
/// let host = TestHost::with_plugin(env!("CARGO_MANIFEST_DIR"));
/// assert_eq!(host.get("/cats/7").text(), "cat 7");
/// host.reload();
/// assert_eq!(host.get("/cats/7").status(), 200);
/// ```
#[derive(Debug)]
pub struct TestHost {
    child: Child,
    address: SocketAddr,
    token: String,
    folder: PathBuf,
    source: PathBuf,
    plugin: String,
    lines: Arc<Lines>,
}

/// A response of the host or of the plugin, read to its end.
#[derive(Clone, Debug)]
pub struct HostResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// The output of the host.
#[derive(Debug, Default)]
struct Lines {
    written: Mutex<VecDeque<String>>,
    changed: Condvar,
}

impl TestHost {
    /// Starts a host and loads the plugin with its sources and plugin.yaml in `folder`.
    ///
    /// # Panics
    /// The program is missing, or the plugin does not load; the panic contains the host's message.
    pub fn with_plugin(folder: impl AsRef<Path>) -> TestHost {
        TestHost::with_configuration(folder, json!({}))
    }

    /// Starts a host and loads the plugin with a configuration.
    ///
    /// # Panics
    /// As for [`TestHost::with_plugin`].
    pub fn with_configuration(folder: impl AsRef<Path>, configuration: Value) -> TestHost {
        let source = folder.as_ref().canonicalize();
        let source = source.unwrap_or_else(|error| panic!("{}: {error}", folder.as_ref().display()));
        let mut host = TestHost::start(source);
        let asked = json!({ "source": host.source, "config": configuration });
        let loaded = host.send("POST", "/api/plugins/load", Some(&asked), BUILD_PATIENCE);
        assert_eq!(loaded.status, 200, "the plugin does not load: {}\n{}", loaded.text(), host.log());
        host.plugin = loaded.json::<Value>()["id"].as_str().expect("a loaded plugin has an id").to_owned();
        host
    }

    #[expect(clippy::disallowed_methods, reason = "starts the very program that is tested, and ends it")]
    fn start(source: PathBuf) -> TestHost {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("plugin-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let program = std::env::var_os("PLUGIN_HOST").unwrap_or_else(|| "plugin-host".into());
        let mut command = Command::new(&program);
        command.arg("serve").args(["--host", "127.0.0.1", "--port", "0"]);
        command.arg("--plugin-dir").arg(folder.join("plugins")).arg("--cache-dir").arg(build_cache(&source));
        command.arg("--source-root").arg(&source).current_dir(&folder).env("NO_COLOR", "1");
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| {
            panic!("{}: {error}; set PLUGIN_HOST to the plugin-host program", program.to_string_lossy())
        });
        let lines = Arc::new(Lines::default());
        lines.follow(child.stdout.take().expect("the output is piped"));
        lines.follow(child.stderr.take().expect("the output is piped"));
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let (token, plugin) = (String::new(), String::new());
        let mut host = TestHost { child, address, token, folder, source, plugin, lines };
        let line = host.lines.wait_for("http://127.0.0.1:");
        let address = line.split_once("http://").map(|(_, rest)| rest).unwrap_or_default();
        let address = address.split(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ':'))).next();
        let address = address.unwrap_or_default().trim_end_matches(['.', ':']);
        host.address = address.parse().unwrap_or_else(|error| panic!("no address in {line:?}: {error}"));
        let until = Instant::now() + PATIENCE;
        while host.send("GET", "/health/ready", None, PATIENCE).status != 200 {
            assert!(Instant::now() < until, "the host does not become ready:\n{}", host.log());
            thread::park_timeout(Duration::from_millis(10));
        }
        let token = host.folder.join("plugins/operator.token");
        let token = std::fs::read_to_string(&token).unwrap_or_else(|error| panic!("{}: {error}", token.display()));
        host.token = token.trim().to_owned();
        host
    }

    /// The plugin's id.
    pub fn plugin(&self) -> &str {
        &self.plugin
    }

    /// Calls the plugin; `target` is the path after its id.
    ///
    /// # Panics
    /// There is no response.
    pub fn get(&self, target: &str) -> HostResponse {
        self.call("GET", target, None)
    }

    /// Calls the plugin with a JSON body.
    ///
    /// # Panics
    /// There is no response.
    pub fn post(&self, target: &str, body: &Value) -> HostResponse {
        self.call("POST", target, Some(body))
    }

    /// Calls the plugin with any method.
    ///
    /// # Panics
    /// There is no response.
    pub fn call(&self, method: &str, target: &str, body: Option<&Value>) -> HostResponse {
        self.send(method, &format!("/api/plugin-endpoints/{}{target}", self.plugin), body, PATIENCE)
    }

    /// Calls the host itself, as its operator.
    ///
    /// # Panics
    /// There is no response.
    pub fn operate(&self, method: &str, path: &str, body: Option<&Value>) -> HostResponse {
        self.send(method, path, body, PATIENCE)
    }

    /// Builds the plugin from its current sources and replaces it.
    ///
    /// # Panics
    /// The host refuses the reload; the panic contains its message.
    pub fn reload(&self) {
        let path = format!("/api/plugins/{}/reload", self.plugin);
        let answer = self.send("POST", &path, Some(&json!({})), BUILD_PATIENCE);
        assert_eq!(answer.status, 200, "the plugin does not reload: {}\n{}", answer.text(), self.log());
    }

    /// All output of the host until now, including the plugin's log lines.
    pub fn log(&self) -> String {
        let lines = self.lines.written.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>, patience: Duration) -> HostResponse {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        if !self.token.is_empty() {
            head += &format!("authorization: Bearer {}\r\n", self.token);
        }
        if !body.is_empty() {
            head += "content-type: application/json\r\n";
        }
        head += &format!("content-length: {}\r\n\r\n{body}", body.len());
        let answer = TcpStream::connect(self.address).and_then(|mut stream| {
            stream.set_read_timeout(Some(patience))?;
            stream.write_all(head.as_bytes())?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).map(|_| answer)
        });
        let answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()));
        HostResponse::read(&answer).unwrap_or_else(|| panic!("{method} {path}: no HTTP response\n{}", self.log()))
    }
}

/// The build cache of all tests: in the target folder that contains the running test, or else in the plugin's.
fn build_cache(source: &Path) -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    target.map_or_else(|| source.join("target"), Path::to_owned).join("plugin-host-cache")
}

impl Lines {
    fn follow(self: &Arc<Self>, pipe: impl Read + Send + 'static) {
        let lines = self.clone();
        thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                lines.written.lock().unwrap_or_else(PoisonError::into_inner).push_back(line);
                lines.changed.notify_all();
            }
        });
    }

    fn wait_for(&self, text: &str) -> String {
        let until = Instant::now() + PATIENCE;
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(line) = written.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the host never wrote `{text}`: {written:?}");
            let waited = self.changed.wait_timeout(written, left).unwrap_or_else(PoisonError::into_inner);
            written = waited.0;
        }
    }
}

impl HostResponse {
    fn read(answer: &[u8]) -> Option<HostResponse> {
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&answer[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let is_chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
        let body = &answer[end + 4..];
        let body = if is_chunked { unchunked(body)? } else { body.to_vec() };
        Some(HostResponse { status, headers, body })
    }

    /// The status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The header `name`, in lower case; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    /// The body.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, read as JSON.
    ///
    /// # Panics
    /// The body does not deserialize to `T`.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.text()))
    }
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let length = std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?;
        let length = usize::from_str_radix(length.trim(), 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        let (chunk, after) = rest.get(end + 2..)?.split_at_checked(length)?;
        body.extend_from_slice(chunk);
        rest = after.strip_prefix(b"\r\n")?;
    }
}

impl Drop for TestHost {
    fn drop(&mut self) {
        // Killed instead of stopped: the temporary folders are discarded anyway.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests;
