//! A TCP stream that lets the client read the response before it is closed, and does not wait forever for it.
//!
//! An error response is often sent before the request body was read. If a socket with unread bytes is closed, the
//! kernel sends a reset, which discards the response the client has not read yet. The sending side is therefore
//! closed first, and further input is read and discarded for a moment.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::connection::state::{ClientWait, Connection, WaitKind};

/// Time the client has to close its side.
const LINGER: Duration = Duration::from_secs(1);
/// Maximum number of bytes to read and discard.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A stream with a lingering shutdown that fails when the client stops reading a response.
pub(crate) struct Linger {
    stream: TcpStream,
    write_timeout: Duration,
    connection: Arc<Connection>,
    /// Set while written data is not accepted by the client's side.
    stuck: Option<(Pin<Box<Sleep>>, ClientWait)>,
    closing: Option<Closing>,
}

struct Closing {
    deadline: Pin<Box<Sleep>>,
    left: usize,
}

impl Linger {
    pub(crate) fn new(stream: TcpStream, write_timeout: Duration, connection: Arc<Connection>) -> Linger {
        Linger { stream, write_timeout, connection, stuck: None, closing: None }
    }

    /// Fails a write that is pending for too long.
    fn in_time(&mut self, written: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stuck = None;
            return written;
        }
        let timeout = self.write_timeout;
        let Linger { connection, stuck, .. } = self;
        let wait = || (Box::pin(tokio::time::sleep(timeout)), connection.wait(WaitKind::Reading));
        let (timer, _) = stuck.get_or_insert_with(wait);
        ready!(timer.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client stopped reading the response")))
    }
}

impl AsyncRead for Linger {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Linger {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.in_time(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.in_time(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        }
        let closing = this
            .closing
            .get_or_insert_with(|| Closing { deadline: Box::pin(tokio::time::sleep(LINGER)), left: MAX_BYTES });
        let mut buffer = [0; 16 * 1024];
        while closing.left > 0 && closing.deadline.as_mut().poll(context).is_pending() {
            let mut read = ReadBuf::new(&mut buffer);
            match ready!(Pin::new(&mut this.stream).poll_read(context, &mut read)) {
                Ok(()) if !read.filled().is_empty() => closing.left = closing.left.saturating_sub(read.filled().len()),
                // The client has closed its side or is gone.
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}
