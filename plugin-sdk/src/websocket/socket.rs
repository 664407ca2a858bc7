//! An open WebSocket.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures_core::Stream;
use http::StatusCode;
use tokio::time::{Instant, Sleep};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{Role, WebSocketConfig, WebSocketContext};

use super::pipe::Pipe;
use super::{CloseFrame, Message};
use crate::{Body, Error};

/// The time that a client has to respond to a close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The memory for received bytes that an idle socket holds. It grows for larger frames.
const READ_BUFFER_BYTES: usize = 4 * 1024;

/// An open WebSocket. Dropping it closes it with code 1000. If the handler panics, the host closes it
/// with code 1011.
pub struct WebSocket {
    context: WebSocketContext,
    received: Received,
    body: Body,
    pipe: Arc<Pipe>,
    pings: Option<Pings>,
    is_over: bool,
}

/// The bytes that were received and not yet read.
#[derive(Default)]
struct Received {
    bytes: Bytes,
    is_over: bool,
}

struct Pings {
    every: Duration,
    timer: Pin<Box<Sleep>>,
    /// A ping was sent, and nothing was received since.
    is_waiting: bool,
}

/// Both directions, for the protocol. Reading does not wait, and writing never does.
struct Directions<'a>(&'a mut Received, &'a Pipe);

impl WebSocket {
    pub(super) fn new(
        body: Body,
        pipe: Arc<Pipe>,
        max_message_bytes: usize,
        ping_every: Option<Duration>,
    ) -> WebSocket {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .max_message_size(Some(max_message_bytes))
            .max_frame_size(Some(max_message_bytes));
        let pings =
            ping_every.map(|every| Pings { every, timer: Box::pin(tokio::time::sleep(every)), is_waiting: false });
        let context = WebSocketContext::new(Role::Server, Some(config));
        WebSocket { context, received: Received::default(), body, pipe, pings, is_over: false }
    }

    /// Receives the next message; `None` after the end of the socket. Also answers and sends pings, so a handler should
    /// always wait for messages.
    ///
    /// # Errors
    /// The client broke the protocol, sent too long a message (`websocket_invalid`; the socket was closed), is gone
    /// (`websocket_cut`), or sends nothing any more (`websocket_timed_out`). The socket is at its end then.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// Sends a message. Waits while the client reads too slowly.
    ///
    /// # Errors
    /// The socket is at its end: `websocket_closed`.
    ///
    /// # Cancel safety
    /// If the future is dropped before its end, nothing was sent.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        poll_fn(|context| self.poll_room(context)).await?;
        self.write(message.into())
    }

    /// Closes the socket with a status code (1000 to 4999) and a reason of at most 123 bytes, and waits up to 5 s for
    /// the client to close its side. Messages that arrive in the meantime are dropped.
    pub async fn close(mut self, code: u16, reason: impl Into<String>) {
        let frame = CloseFrame { code, reason: reason.into() };
        if self.write(Message::Close(Some(frame))).is_err() {
            return;
        }
        let closed = async { while let Some(Ok(_)) = self.recv().await {} };
        // After the time the socket is dropped all the same.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, closed).await;
    }

    fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        loop {
            if self.is_over {
                return Poll::Ready(None);
            }
            // A client that reads nothing must not fill the memory with responses to its pings.
            if !ready!(self.pipe.poll_room(context)) {
                self.is_over = true;
                return Poll::Ready(Some(Err(client_gone())));
            }
            match self.context.read(&mut Directions(&mut self.received, &self.pipe)) {
                Ok(message) => {
                    self.is_over = message.is_close();
                    // Sends the response to a ping or a close; an end is noticed by the next read.
                    let _ = self.context.flush(&mut Directions(&mut self.received, &self.pipe));
                    if let Some(message) = Message::from_wire(message) {
                        return Poll::Ready(Some(Ok(message)));
                    }
                }
                Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    match self.body.poll_chunk(context) {
                        Poll::Ready(Some(Ok(bytes))) => {
                            self.received.bytes = bytes;
                            if let Some(pings) = &mut self.pings {
                                pings.is_waiting = false;
                            }
                        }
                        Poll::Ready(Some(Err(_)) | None) => self.received.is_over = true,
                        Poll::Pending => {
                            ready!(self.poll_pings(context));
                            self.is_over = true;
                            return Poll::Ready(Some(Err(timed_out())));
                        }
                    }
                }
                Err(error) => return self.end(error),
            }
        }
    }

    /// Sends pings; ready when the client does not respond.
    fn poll_pings(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(pings) = &mut self.pings else { return Poll::Pending };
        loop {
            ready!(pings.timer.as_mut().poll(context));
            if pings.is_waiting {
                return Poll::Ready(());
            }
            pings.is_waiting = true;
            pings.timer.as_mut().reset(Instant::now() + pings.every);
            let directions = &mut Directions(&mut self.received, &self.pipe);
            // After a close nothing can be sent, and the timer ends the wait for the client's.
            let _ = self.context.write(directions, tungstenite::Message::Ping(Bytes::new()));
            let _ = self.context.flush(directions);
        }
    }

    /// Ends the socket after an error of the protocol.
    fn end(&mut self, error: tungstenite::Error) -> Poll<Option<Result<Message, Error>>> {
        use tungstenite::Error as E;
        use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
        self.is_over = true;
        let code = match error {
            E::ConnectionClosed | E::AlreadyClosed => return Poll::Ready(None),
            E::Io(_) | E::Protocol(ResetWithoutClosingHandshake) => return Poll::Ready(Some(Err(client_gone()))),
            E::Capacity(_) => CloseCode::Size,
            E::Utf8(_) => CloseCode::Invalid,
            _ => CloseCode::Protocol,
        };
        let reason = error.to_string();
        let frame = CloseFrame { code: code.into(), reason: reason.clone() };
        // The client is told why, if it still listens.
        let _ = self.write(Message::Close(Some(frame)));
        Poll::Ready(Some(Err(Error::new(StatusCode::BAD_REQUEST, "websocket_invalid").with_detail(reason))))
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.is_over {
            return Poll::Ready(Err(closed()));
        }
        self.pipe.poll_room(context).map(|has_room| if has_room { Ok(()) } else { Err(closed()) })
    }

    fn write(&mut self, message: Message) -> Result<(), Error> {
        let directions = &mut Directions(&mut self.received, &self.pipe);
        let written = self.context.write(directions, message.into_wire()).and_then(|()| self.context.flush(directions));
        written.map_err(|_| closed())
    }
}

impl Stream for WebSocket {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(context)
    }
}

impl futures_sink::Sink<Message> for WebSocket {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_room(context)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.get_mut().write(message)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // An already closed socket is not an error.
        let _ = self.get_mut().write(Message::Close(None));
        Poll::Ready(Ok(()))
    }
}

impl Drop for WebSocket {
    fn drop(&mut self) {
        if self.context.can_write() {
            let frame = CloseFrame { code: CloseCode::Normal.into(), reason: String::new() };
            // Nobody is left to hear of a failure.
            let _ = self.write(Message::Close(Some(frame)));
        }
        self.pipe.close();
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

impl Read for Directions<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Received { bytes, is_over } = &mut *self.0;
        if bytes.is_empty() && !*is_over {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n_bytes = bytes.len().min(buffer.len());
        bytes.copy_to_slice(&mut buffer[..n_bytes]);
        Ok(n_bytes)
    }
}

impl Write for Directions<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn closed() -> Error {
    Error::new(StatusCode::BAD_REQUEST, "websocket_closed").with_detail("the socket is closed")
}

fn client_gone() -> Error {
    Error::new(StatusCode::BAD_REQUEST, "websocket_cut").with_detail("the client is gone without closing the socket")
}

fn timed_out() -> Error {
    Error::new(StatusCode::REQUEST_TIMEOUT, "websocket_timed_out").with_detail("the client does not respond to pings")
}
