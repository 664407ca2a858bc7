//! An HTTP/2 client of a host, and raw frames for what a good client would never send.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::client::Answer;

/// A connection that speaks HTTP/2 from its first byte.
pub(crate) struct Http2 {
    send: SendRequest<Bytes>,
    address: SocketAddr,
    /// Ends when the host closes the connection.
    connection: JoinHandle<Result<(), h2::Error>>,
}

/// A request whose response has not been read.
pub(crate) struct OpenStream {
    pub(crate) response: ResponseFuture,
    pub(crate) body: SendStream<Bytes>,
}

impl Http2 {
    pub(crate) async fn connect(address: SocketAddr) -> Http2 {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut builder = h2::client::Builder::new();
        // An unread stream leaves room for others.
        builder.initial_connection_window_size(1 << 24);
        let (send, connection) = builder.handshake(stream).await.unwrap();
        Http2 { send, address, connection: tokio::spawn(connection) }
    }

    /// A request for this host.
    pub(crate) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        http::Request::builder().method(method).uri(format!("http://{}{path}", self.address))
    }

    /// Sends the head of a request; the body is sent by the caller unless `is_whole`.
    pub(crate) async fn open(&self, request: http::request::Builder, is_whole: bool) -> Result<OpenStream, h2::Error> {
        let mut send = self.send.clone().ready().await?;
        let (response, body) = send.send_request(request.body(()).unwrap(), is_whole)?;
        Ok(OpenStream { response, body })
    }

    pub(crate) async fn send(&self, request: http::request::Builder) -> Result<Answer, h2::Error> {
        read(self.open(request, true).await?.response).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await.unwrap()
    }

    /// Waits until the host closes the connection.
    pub(crate) async fn closed(self) -> Result<(), h2::Error> {
        let Http2 { send, connection, .. } = self;
        let ended = connection.await.unwrap();
        drop(send);
        ended
    }
}

/// Reads a response to its end.
pub(crate) async fn read(response: ResponseFuture) -> Result<Answer, h2::Error> {
    let (head, mut stream) = response.await?.into_parts();
    let body = rest(&mut stream).await?;
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    Ok(Answer { status: head.status.as_u16(), headers, body, is_whole: true })
}

/// Reads a body to its end.
pub(crate) async fn rest(stream: &mut RecvStream) -> Result<Vec<u8>, h2::Error> {
    let mut all = Vec::new();
    while let Some(bytes) = stream.data().await {
        let bytes = bytes?;
        stream.flow_control().release_capacity(bytes.len())?;
        all.extend(bytes);
    }
    Ok(all)
}

/// A connection on which frames are written by hand.
pub(crate) struct Frames(TcpStream);

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

impl Frames {
    /// Connects and sends the preface with empty settings.
    pub(crate) async fn connect(address: SocketAddr) -> Frames {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let hello = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, b"")].concat();
        // The host may refuse the connection.
        let _ = stream.write_all(&hello).await;
        Frames(stream)
    }

    /// Sends bytes, and reads what the host sends meanwhile, until the host closes the connection or everything is
    /// sent. Returns the types of the frames that were read, with the error codes of GOAWAY frames.
    pub(crate) async fn exchange(mut self, bytes: &[u8]) -> Vec<(u8, u32)> {
        let (mut reader, mut writer) = self.0.split();
        let send = async {
            let _ = writer.write_all(bytes).await;
            let _ = writer.shutdown().await;
        };
        let mut read = Vec::new();
        let receive = async {
            let _ = reader.read_to_end(&mut read).await;
        };
        tokio::join!(send, receive);
        frames(&read)
    }

    /// Reads the next frame: its type, stream and payload; `None` when the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<(u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).await.ok()?;
        Some((head[3], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
    }

    /// Waits until the host closes the connection.
    pub(crate) async fn closed(&mut self) {
        while self.next().await.is_some() {}
    }

    pub(crate) async fn send_if_taken(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes).await;
    }
}

/// The bytes of a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header block without compression: a request for `path`.
pub(crate) fn head(method: &str, path: &str) -> Vec<u8> {
    let fields = [(":method", method), (":scheme", "http"), (":path", path), (":authority", "localhost")];
    let literal = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    fields.iter().flat_map(|(name, value)| [vec![0], literal(name), literal(value)].concat()).collect()
}

fn frames(mut bytes: &[u8]) -> Vec<(u8, u32)> {
    let mut all = Vec::new();
    while let Some((head, rest)) = bytes.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let Some((payload, rest)) = rest.split_at_checked(length) else { break };
        let code = payload.get(4..8).filter(|_| head[3] == GOAWAY);
        all.push((head[3], code.map_or(0, |code| u32::from_be_bytes(code.try_into().unwrap()))));
        bytes = rest;
    }
    all
}
