//! A small HTTP/1.1 client that can do what a good one never would: stop in the middle, send nonsense, read byte by
//! byte.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::host::PATIENCE;

/// The list of all codes.
const ERRORS: &str = include_str!("../../docs/errors.md");

/// Sends requests, each on a connection of its own.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Of the host.
    pub(crate) address: SocketAddr,
    /// Sent as a bearer token.
    pub(crate) token: Option<String>,
}

/// A request on its way to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    client: Client,
    head: String,
    body: Vec<u8>,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case, in the order of the answer.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended as its framing says it would.
    pub(crate) is_whole: bool,
}

/// A connection, byte by byte.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    body: Framing,
}

/// What is left of an answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
    UntilClosed,
    Ended,
    Broken,
}

// === impl Client ===

impl Client {
    /// The same without a token.
    pub(crate) fn anonymous(&self) -> Client {
        Client { token: None, ..self.clone() }
    }

    /// The same with another token.
    pub(crate) fn with_token(&self, token: &str) -> Client {
        Client { token: Some(token.to_owned()), ..self.clone() }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.address);
        if let Some(token) = &self.token {
            head += &format!("authorization: Bearer {token}\r\n");
        }
        Request { client: self.clone(), head, body: Vec::new() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send().await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        self.request("POST", path).send().await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.request("DELETE", path).send().await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path).json(body).send().await
    }

    pub(crate) async fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Connection { stream: BufReader::new(stream), body: Framing::Ended }
    }

    /// Begins a request with a chunked body, of which nothing is sent yet.
    pub(crate) async fn begin(&self, method: &str, path: &str) -> Connection {
        let request = self.request(method, path).header("transfer-encoding", "chunked");
        let mut connection = self.connect().await;
        connection.send(format!("{}\r\n", request.head).as_bytes()).await;
        connection
    }
}

// === impl Request ===

impl Request {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Request {
        self.head += &format!("{name}: {value}\r\n");
        self
    }

    pub(crate) fn body(mut self, body: &[u8]) -> Request {
        self.body = body.to_owned();
        self
    }

    pub(crate) fn json(self, body: &Value) -> Request {
        self.header("content-type", "application/json").body(body.to_string().as_bytes())
    }

    /// Sends it and reads the answer to its end.
    pub(crate) async fn send(self) -> Answer {
        let is_head = self.head.starts_with("HEAD ");
        // What a plugin answers is the plugin's, and probes want a status and no more.
        let is_management = ![" /api/plugin-endpoints/", " /health/"].iter().any(|path| self.head.contains(path));
        let line = self.head.lines().next().unwrap_or_default().to_owned();
        let answer = tokio::time::timeout(PATIENCE, async {
            let mut connection = self.open().await;
            let mut answer = connection.head(is_head).await;
            answer.body = connection.rest().await;
            answer.is_whole = connection.body == Framing::Ended;
            answer
        });
        let answer = answer.await.unwrap_or_else(|_| panic!("no answer within {PATIENCE:?} to {line}"));
        answer.check(is_head, is_management);
        answer
    }

    /// Sends it to a host that may be gone, or end before it has answered; `None` then.
    pub(crate) async fn try_send(self) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.client.address).await.ok()?;
        let head = format!("{}connection: close\r\ncontent-length: {}\r\n\r\n", self.head, self.body.len());
        stream.write_all(&[head.as_bytes(), &self.body].concat()).await.ok()?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.ok()?;
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let headers = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        let answer = Answer { status, headers: headers.collect(), body: bytes[end + 4..].to_vec(), is_whole: true };
        let length = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
        (length == Some(answer.body.len())).then_some(answer)
    }

    /// Sends it and leaves the answer to be read.
    pub(crate) async fn open(self) -> Connection {
        let mut connection = self.client.connect().await;
        let mut bytes = self.head.into_bytes();
        bytes.extend(b"connection: close\r\n");
        if !self.body.is_empty() {
            bytes.extend(format!("content-length: {}\r\n", self.body.len()).into_bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(self.body);
        // The host may answer, and close, before it has read a body that it refuses.
        let _ = connection.stream.get_mut().write_all(&bytes).await;
        connection
    }
}

// === impl Answer ===

impl Answer {
    /// The value of a header, its first when there are several.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The stable word of a problem document.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_else(|| panic!("no code: {}", self.text())).to_owned()
    }

    /// The same, if the status is what is expected.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }

    /// What is true of every answer of this host.
    #[track_caller]
    fn check(&self, is_head: bool, is_management: bool) {
        assert!(self.header("x-request-id").is_some_and(|id| !id.is_empty()), "no request id: {self:?}");
        for name in ["server", "x-powered-by"] {
            assert_eq!(self.header(name), None);
        }
        let is_problem = self.header("content-type") == Some("application/problem+json");
        if self.status >= 400 && is_management {
            assert!(is_problem, "an error that is no problem document: {self:?}");
        }
        let problem = if is_problem && !is_head { self.json() } else { return };
        if problem["instance"].is_string() {
            // Only the host's own documents carry the place and the id.
            assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"));
            let code = problem["code"].as_str().unwrap_or_default();
            assert_eq!(problem["type"], format!("/docs/errors#{code}"));
            assert!(ERRORS.contains(&format!("\n| `{code}` |")), "docs/errors.md does not list `{code}`");
            assert_eq!(problem["detail"], problem["error"]);
            assert_eq!(problem["detail"], problem["details"]);
        }
        assert_eq!(problem["status"], self.status);
        assert!(problem["code"].as_str().is_some_and(|code| !code.is_empty()), "{problem}");
    }
}

// === impl Connection ===

impl Connection {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).await.unwrap();
    }

    /// The same, unless the host hangs up meanwhile.
    pub(crate) async fn send_if_taken(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes).await;
    }

    /// Sends one chunk of a body.
    pub(crate) async fn send_chunk(&mut self, bytes: &[u8]) {
        self.send(&[format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()).await;
    }

    /// Sends the end of a chunked body.
    pub(crate) async fn end(&mut self) {
        self.send(b"0\r\n\r\n").await;
    }

    /// Reads the head of an answer.
    pub(crate) async fn head(&mut self, is_head: bool) -> Answer {
        self.try_head(is_head).await.expect("the host closed the connection without an answer")
    }

    /// The same; `None` when the host closes the connection without an answer.
    pub(crate) async fn try_head(&mut self, is_head: bool) -> Option<Answer> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return None;
        }
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("no status line: {line:?}"));
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).await.unwrap();
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let answer = Answer { status, headers, body: Vec::new(), is_whole: true };
        self.body = match (answer.header("transfer-encoding"), answer.header("content-length")) {
            _ if is_head || matches!(status, 100..200 | 204 | 304) => Framing::Ended,
            (Some("chunked"), None) => Framing::Chunked,
            (None, Some(length)) => match length.parse().unwrap() {
                0 => Framing::Ended,
                length => Framing::Length(length),
            },
            (None, None) => Framing::UntilClosed,
            both => panic!("ambiguous framing: {both:?}"),
        };
        Some(answer)
    }

    /// Reads what comes next of a body; `None` at its end, or when the connection breaks before.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        match self.body {
            Framing::Ended | Framing::Broken => None,
            Framing::Length(left) => {
                let mut bytes = vec![0; left.min(64 * 1024) as usize];
                let n_bytes = self.stream.read(&mut bytes).await.unwrap_or(0);
                bytes.truncate(n_bytes);
                self.body = match left - n_bytes as u64 {
                    _ if n_bytes == 0 => Framing::Broken,
                    0 => Framing::Ended,
                    left => Framing::Length(left),
                };
                (n_bytes > 0).then_some(bytes)
            }
            Framing::UntilClosed => {
                let mut bytes = vec![0; 64 * 1024];
                match self.stream.read(&mut bytes).await {
                    Ok(0) => self.body = Framing::Ended,
                    Err(_) => self.body = Framing::Broken,
                    Ok(n_bytes) => {
                        bytes.truncate(n_bytes);
                        return Some(bytes);
                    }
                }
                None
            }
            Framing::Chunked => {
                let chunk = self.framed_chunk().await;
                match &chunk {
                    None => self.body = Framing::Broken,
                    Some(bytes) if bytes.is_empty() => self.body = Framing::Ended,
                    Some(_) => {}
                }
                chunk.filter(|bytes| !bytes.is_empty())
            }
        }
    }

    async fn framed_chunk(&mut self) -> Option<Vec<u8>> {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.ok()?;
        let length = usize::from_str_radix(line.trim_end(), 16).ok()?;
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes).await.ok()?;
        bytes.truncate(length);
        Some(bytes)
    }

    /// Reads the body to its end.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(bytes) = self.chunk().await {
            all.extend(bytes);
        }
        all
    }

    /// Returns whether the body ended as its framing says.
    pub(crate) fn is_whole(&self) -> bool {
        self.body == Framing::Ended
    }

    /// Waits until the host closes the connection; gives what it still said.
    pub(crate) async fn closed(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.stream.read_to_end(&mut bytes).await;
        bytes
    }
}
