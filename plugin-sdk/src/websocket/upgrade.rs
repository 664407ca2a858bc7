//! The request that opens a WebSocket.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderValue, StatusCode, header};

use super::WebSocket;
use super::pipe::Pipe;
use crate::{Body, Error, FromRequest, IntoResponse as _, Request, Response};

/// The time between two pings by default.
const PING_EVERY: Duration = Duration::from_secs(30);

/// A request that opens a WebSocket. The host has checked the handshake and the origin of the page.
#[derive(Debug)]
#[must_use = "the socket is opened by `on_upgrade`"]
pub struct WebSocketUpgrade {
    body: Body,
    offered: Vec<String>,
    protocol: Option<String>,
    max_message_bytes: usize,
    ping_every: Option<Duration>,
}

impl WebSocketUpgrade {
    /// Selects the first of `supported` that the client offers in `Sec-WebSocket-Protocol`.
    pub fn protocols<P: AsRef<str>>(mut self, supported: impl IntoIterator<Item = P>) -> WebSocketUpgrade {
        let offered = &self.offered;
        let is_offered = |protocol: &P| offered.iter().any(|offered| offered == protocol.as_ref());
        self.protocol = supported.into_iter().find(is_offered).map(|protocol| protocol.as_ref().to_owned());
        self
    }

    /// The selected protocol.
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// Sets the largest message that is received, in bytes; the default, and the most, is the `max_body_bytes` of the
    /// endpoint. A longer message closes the socket with code 1009.
    pub fn max_message_bytes(mut self, max: usize) -> WebSocketUpgrade {
        self.max_message_bytes = self.max_message_bytes.min(max);
        self
    }

    /// Sets the time between two pings; 30 s by default. A client that sends nothing during two of these times is
    /// considered gone. `None` sends no pings.
    pub fn ping_every(mut self, every: impl Into<Option<Duration>>) -> WebSocketUpgrade {
        self.ping_every = every.into();
        self
    }

    /// Opens the socket and passes it to `serve`, which runs until it returns, the client closes the socket, or the
    /// plugin is stopped. Dropping the socket closes it.
    ///
    /// `serve` is polled as the host sends the response: it pauses while the client does not read.
    pub fn on_upgrade<F, S>(self, serve: F) -> Response
    where
        F: FnOnce(WebSocket) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let pipe = Arc::new(Pipe::default());
        let (protocol, pipe_of_socket) = (self.protocol, pipe.clone());
        let (body, max_message_bytes, ping_every) = (self.body, self.max_message_bytes, self.ping_every);
        let serving = async move {
            serve(WebSocket::new(body, pipe_of_socket, max_message_bytes, ping_every)).await;
        };
        let sent = SocketBody { serving: Some(Box::pin(serving)), pipe };
        let response = Response::new(StatusCode::SWITCHING_PROTOCOLS, Body::from_stream(sent));
        match protocol.map(|protocol| HeaderValue::from_str(&protocol)) {
            None => response,
            Some(Ok(protocol)) => response.with_header(header::SEC_WEBSOCKET_PROTOCOL, protocol),
            // What the client offered came in a header.
            Some(Err(error)) => Error::internal(error).into_response(),
        }
    }
}

impl FromRequest for WebSocketUpgrade {
    const TAKES_BODY: bool = true;

    async fn from_request(request: &mut Request) -> Result<WebSocketUpgrade, Error> {
        let Some(max_message_bytes) = request.fact("websocket").and_then(|max| max.parse().ok()) else {
            return Err(Error::new(StatusCode::INTERNAL_SERVER_ERROR, "websocket_not_declared")
                .with_detail("the endpoint has no `upgrade: websocket` in plugin.yaml; add it"));
        };
        let values = request.header_values("sec-websocket-protocol");
        let offered = values.flat_map(|value| value.split(',')).map(|protocol| protocol.trim().to_owned()).collect();
        let body = request.take_body();
        Ok(WebSocketUpgrade { body, offered, protocol: None, max_message_bytes, ping_every: Some(PING_EVERY) })
    }
}

/// The body of the response: the bytes that the socket sends. Polls the future of `on_upgrade`.
struct SocketBody<S> {
    serving: Option<Pin<Box<S>>>,
    pipe: Arc<Pipe>,
}

impl<S: Future<Output = ()>> Stream for SocketBody<S> {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.serving.as_mut().is_some_and(|serving| serving.as_mut().poll(context).is_ready()) {
            self.serving = None;
        }
        self.pipe.poll_take(context).map(|bytes| bytes.map(Ok))
    }
}

impl<S> Drop for SocketBody<S> {
    fn drop(&mut self) {
        self.pipe.abort();
    }
}
