//! A small HTTP client: one connection that is kept, one request at a time, bodies with a length.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// Longer than any build.
const TIMEOUT: Duration = Duration::from_secs(600);

/// A connection that is kept between requests.
pub struct Connection {
    stream: BufReader<TcpStream>,
    address: String,
    token: Option<String>,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Connection {
    /// Connects to `address`, which is `host:port`; sends `token` with each request.
    pub fn open(address: &str, token: Option<&str>) -> io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let (address, token) = (address.to_owned(), token.map(str::to_owned));
        Ok(Connection { stream: BufReader::new(stream), address, token })
    }

    pub fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send("GET", path, "")
    }

    pub fn send(&mut self, method: &str, path: &str, json: &str) -> io::Result<Answer> {
        self.send_with(method, path, json, "")
    }

    /// The same with further headers, each with its line end.
    pub fn send_with(&mut self, method: &str, path: &str, json: &str, headers: &str) -> io::Result<Answer> {
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n{headers}", self.address);
        if let Some(token) = &self.token {
            request += &format!("authorization: Bearer {token}\r\n");
        }
        if !json.is_empty() {
            request += &format!("content-type: application/json\r\ncontent-length: {}\r\n", json.len());
        }
        request += "\r\n";
        request += json;
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.read()
    }

    fn read(&mut self) -> io::Result<Answer> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("not an answer: {line}")))?;
        let mut length = if status == 204 { Some(0) } else { None };
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok();
            }
        }
        let mut body = vec![0; length.ok_or_else(|| io::Error::other("an answer without a length"))?];
        self.stream.read_exact(&mut body)?;
        Ok(Answer { status, body })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

impl Answer {
    /// The body as JSON, when the status is 200.
    pub fn json(&self) -> io::Result<serde_json::Value> {
        let text = String::from_utf8_lossy(&self.body);
        if self.status != 200 {
            return Err(io::Error::other(format!("status {}: {text}", self.status)));
        }
        serde_json::from_str(&text).map_err(io::Error::other)
    }
}
