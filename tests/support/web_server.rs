//! A web server on 127.0.0.1 for tests, in a few lines: every request is answered, and its connection closed.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A running server. Stops when it is dropped.
pub(crate) struct WebServer {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

/// What is answered: a status, more lines of the head, and a body.
pub(crate) type Page = (u16, String, &'static str);

impl WebServer {
    /// Serves what `page` says of a path; it is given the whole head too.
    pub(crate) async fn start(page: impl Fn(&str, &str) -> Page + Send + Sync + 'static) -> WebServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let page = Arc::new(page);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let page = page.clone();
                tokio::spawn(async move { answer(stream, &*page).await });
            }
        });
        WebServer { address, serving }
    }

    /// Where it is, for example `127.0.0.1:4711`.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(stream: TcpStream, page: &(impl Fn(&str, &str) -> Page + Sync)) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        // A client that hangs up is part of the tests.
        if stream.read_line(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let path = head.split(' ').nth(1).unwrap_or_default();
    let (status, more, body) = page(path, &head);
    let length = body.len();
    let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n{more}\r\n{body}");
    let _ = stream.get_mut().write_all(answer.as_bytes()).await;
}
