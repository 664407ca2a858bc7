//! A git server on 127.0.0.1 for tests: git's own `http-backend` behind a few lines of HTTP, which can also stall,
//! drip, redirect and lie. Repositories are made with git in the server's folder.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up its server has failed")]
#![allow(dead_code, reason = "each test program that includes this file uses a part of it")]

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How the server answers.
#[derive(Clone, Debug)]
pub(crate) enum Behaviour {
    /// As a git server does.
    Serve,
    /// It takes the request and says nothing until the client hangs up.
    StallBeforeAnswer,
    /// It sends half of each packfile and then nothing until the client hangs up.
    StallInPack,
    /// It sends packfiles one byte at a time, one each 20 ms.
    Drip,
    /// It sends the client to this address.
    Redirect(String),
    /// It sends the client from the first path to the second, as for a repository that was renamed.
    Renamed(String, String),
    /// It answers with this status and no body.
    Status(u16),
    /// It gives all answers this content type.
    ContentType(String),
    /// It breaks off in the middle of each packfile.
    BreakOff,
    /// It refuses requests without one of these values of `Authorization`.
    Private(Vec<String>),
}

/// The files in Git LFS that all repositories of the server share.
#[derive(Clone, Default)]
pub(crate) struct Lfs {
    /// The bytes that are sent for an object, by its digest in hex.
    pub(crate) objects: HashMap<String, Vec<u8>>,
    /// The address of an object in the answer of the batch API, in which `OID` stands for the digest.
    pub(crate) href: String,
    /// The header that a request for an object must have, if there is one.
    pub(crate) header: Option<(String, String)>,
    /// An answer of the batch API, instead of the one for the objects.
    pub(crate) answer: Option<String>,
}

/// A running server. Stops when it is dropped.
pub(crate) struct GitServer {
    folder: PathBuf,
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

struct Shared {
    folder: PathBuf,
    behaviour: Mutex<Behaviour>,
    lfs: Mutex<Lfs>,
    connections: AtomicUsize,
    requests: Mutex<Vec<String>>,
    authorizations: Mutex<Vec<Option<String>>>,
    stopped: AtomicBool,
}

impl GitServer {
    /// Serves the repositories below `folder`, which is created if it is missing: `<folder>/acme/hello` under the path
    /// `/acme/hello`.
    pub(crate) fn start(folder: &Path) -> GitServer {
        std::fs::create_dir_all(folder).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            behaviour: Mutex::new(Behaviour::Serve),
            lfs: Mutex::default(),
            connections: AtomicUsize::new(0),
            requests: Mutex::default(),
            authorizations: Mutex::default(),
            stopped: AtomicBool::new(false),
        });
        let for_thread = shared.clone();
        let listening = thread::spawn(move || {
            for stream in listener.incoming() {
                if for_thread.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let shared = for_thread.clone();
                shared.connections.fetch_add(1, Ordering::SeqCst);
                if let Ok(stream) = stream {
                    // A client that hangs up is part of the tests.
                    thread::spawn(move || drop(shared.serve(stream)));
                }
            }
        });
        GitServer { folder: folder.to_owned(), address, shared, listening: Some(listening) }
    }

    /// The address, for example `http://127.0.0.1:4711/`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The first line of each request so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The value of `Authorization` of each request so far.
    pub(crate) fn authorizations(&self) -> Vec<Option<String>> {
        self.shared.authorizations.lock().unwrap().clone()
    }

    /// The address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes how requests are answered from now on.
    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap() = behaviour;
    }

    /// Sets the files in Git LFS.
    pub(crate) fn lfs(&self, lfs: Lfs) {
        *self.shared.lfs.lock().unwrap() = lfs;
    }

    /// Makes an empty repository with the branch `main`, for example `acme/hello`.
    pub(crate) fn repository(&self, name: &str) -> Repository {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let repository = Repository { folder };
        repository.git(&["init", "--quiet", "--initial-branch=main", "."]);
        repository
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            drop(listening.join());
        }
    }
}

/// A repository with a working folder.
pub(crate) struct Repository {
    /// The working folder.
    pub(crate) folder: PathBuf,
}

impl Repository {
    /// Writes the files, with their parent folders.
    pub(crate) fn write(&self, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = self.folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut file = std::fs::File::create(path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }
    }

    /// Writes the files and commits all that is in the folder; gives the commit's id.
    pub(crate) fn commit(&self, files: &[(&str, &str)]) -> String {
        self.write(files);
        self.git(&["add", "--all", "--force"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "change"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs git in the folder, without any configuration but its own, and gives what it prints.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let output = git().args(arguments).current_dir(&self.folder).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {stderr}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

/// git as it is on a machine that nobody has configured.
#[allow(clippy::disallowed_methods, reason = "tests may start programs; this file uses the standard library only")]
fn git() -> Command {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command
            .env(format!("GIT_{who}_NAME"), "Test")
            .env(format!("GIT_{who}_EMAIL"), "test@example.org")
            .env(format!("GIT_{who}_DATE"), "2026-01-01T00:00:00Z");
    }
    command
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: HashMap<String, String>,
    body: Vec<u8>,
}

struct Answer {
    status: String,
    content_type: String,
    body: Vec<u8>,
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream;
        while let Some(request) = read_request(&mut reader)? {
            let line = format!("{} {}?{}", request.method, request.path, request.query);
            self.requests.lock().unwrap().push(line);
            let authorization = request.headers.get("authorization").cloned();
            self.authorizations.lock().unwrap().push(authorization.clone());
            let behaviour = self.behaviour.lock().unwrap().clone();
            let redirect = |writer: &mut TcpStream, to: &str| {
                write!(writer, "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
            };
            match &behaviour {
                Behaviour::StallBeforeAnswer => return wait_for_hang_up(&mut reader),
                Behaviour::Redirect(to) => {
                    redirect(&mut writer, to)?;
                    continue;
                }
                Behaviour::Renamed(from, to) if request.path.starts_with(from.as_str()) => {
                    let path = request.path.replacen(from.as_str(), to, 1);
                    redirect(&mut writer, &format!("{path}?{}", request.query))?;
                    continue;
                }
                Behaviour::Status(status) => {
                    write!(writer, "HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n")?;
                    continue;
                }
                // An object has an address of its own, whose header is the permission.
                _ if request.path.starts_with("/objects/") => {
                    self.send_object(&request, &mut writer)?;
                    continue;
                }
                Behaviour::Private(allowed) if !authorization.is_some_and(|found| allowed.contains(&found)) => {
                    let challenge = "WWW-Authenticate: Basic realm=\"git\"";
                    write!(writer, "HTTP/1.1 401 Unauthorized\r\n{challenge}\r\nContent-Length: 0\r\n\r\n")?;
                    continue;
                }
                _ => {}
            }
            let mut answer = if request.path.ends_with(".git/info/lfs/objects/batch") {
                self.batch(&request)
            } else {
                self.backend(&request)?
            };
            if let Behaviour::ContentType(content_type) = &behaviour {
                answer.content_type.clone_from(content_type);
            }
            let length = answer.body.len();
            write!(writer, "HTTP/1.1 {}\r\nContent-Type: {}\r\n", answer.status, answer.content_type)?;
            write!(writer, "Content-Length: {length}\r\n\r\n")?;
            let is_pack = request.method == "POST";
            match behaviour {
                Behaviour::StallInPack if is_pack => {
                    writer.write_all(&answer.body[..length / 2])?;
                    return wait_for_hang_up(&mut reader);
                }
                Behaviour::BreakOff if is_pack => return writer.write_all(&answer.body[..length / 2]),
                Behaviour::Drip if is_pack => {
                    for byte in &answer.body {
                        writer.write_all(&[*byte])?;
                        thread::park_timeout(Duration::from_millis(20));
                    }
                }
                _ => writer.write_all(&answer.body)?,
            }
        }
        Ok(())
    }

    /// Answers the batch API of Git LFS.
    fn batch(&self, request: &Request) -> Answer {
        let lfs = self.lfs.lock().unwrap().clone();
        let body = String::from_utf8(request.body.clone()).unwrap();
        let asked = body.split("\"oid\":\"").skip(1).map(|rest| &rest[..64]);
        let object = |oid: &str| {
            if !lfs.objects.contains_key(oid) {
                return format!(r#"{{"oid":"{oid}","size":1,"error":{{"code":404,"message":"gone"}}}}"#);
            }
            let href = lfs.href.replace("OID", oid);
            let header = lfs.header.iter().map(|(name, value)| format!(r#""{name}":"{value}""#)).collect::<String>();
            format!(r#"{{"oid":"{oid}","size":1,"actions":{{"download":{{"href":"{href}","header":{{{header}}}}}}}}}"#)
        };
        let objects = asked.map(object).collect::<Vec<_>>().join(",");
        let body = lfs.answer.unwrap_or_else(|| format!(r#"{{"transfer":"basic","objects":[{objects}]}}"#));
        let is_lfs = request.headers.get("accept").is_some_and(|accept| accept == "application/vnd.git-lfs+json");
        let status = if is_lfs { "200 OK" } else { "406 Not Acceptable" };
        let content_type = "application/vnd.git-lfs+json".to_owned();
        Answer { status: status.to_owned(), content_type, body: body.into_bytes() }
    }

    /// Sends an object of Git LFS to a request that has its header.
    fn send_object(&self, request: &Request, writer: &mut TcpStream) -> io::Result<()> {
        let lfs = self.lfs.lock().unwrap().clone();
        let has = |(name, value): &(String, String)| request.headers.get(&name.to_ascii_lowercase()) == Some(value);
        let object = request.path.rsplit('/').next().and_then(|oid| lfs.objects.get(oid));
        let (status, body) = match object {
            Some(body) if lfs.header.iter().all(has) => ("200 OK", body.as_slice()),
            Some(_) => ("403 Forbidden", &b""[..]),
            None => ("404 Not Found", &b""[..]),
        };
        write!(writer, "HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len())?;
        writer.write_all(body)
    }

    /// Runs `git http-backend`, which is a CGI program.
    fn backend(&self, request: &Request) -> io::Result<Answer> {
        let header = |name: &str| request.headers.get(name).map_or("", String::as_str);
        let mut child = git()
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &self.folder)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("REQUEST_METHOD", &request.method)
            .env("PATH_INFO", &request.path)
            .env("QUERY_STRING", &request.query)
            .env("CONTENT_TYPE", header("content-type"))
            .env("CONTENT_LENGTH", request.body.len().to_string())
            .env("REMOTE_ADDR", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut stdin = child.stdin.take().unwrap();
        // Requests of these tests are far smaller than a pipe, so writing all first cannot block.
        stdin.write_all(&request.body)?;
        drop(stdin);
        let output = child.wait_with_output()?;
        let end = output.stdout.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(output.stdout.len());
        let head = String::from_utf8_lossy(&output.stdout[..end]).into_owned();
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(|v| v.trim().to_owned());
        Ok(Answer {
            status: field("Status:").unwrap_or_else(|| "200 OK".to_owned()),
            content_type: field("Content-Type:").unwrap_or_else(|| "text/plain".to_owned()),
            body: output.stdout.get(end + 4..).unwrap_or_default().to_vec(),
        })
    }
}

fn wait_for_hang_up(reader: &mut BufReader<TcpStream>) -> io::Result<()> {
    io::copy(reader, &mut io::sink()).map(|_| ())
}

/// `None` when the client has hung up.
fn read_request(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Ok(Some(Request { method, path: path.to_owned(), query: query.to_owned(), headers, body }))
}
