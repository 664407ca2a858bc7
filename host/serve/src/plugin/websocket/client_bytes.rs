//! The bytes that a client sends over a WebSocket, as the body of its request.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use parking_lot::Mutex;
use tokio::io::ReadHalf;
use tokio::sync::oneshot;
use tokio_util::io::poll_read_buf;
use tokio_util::sync::CancellationToken;

use super::frames::{FrameScanner, GOING_AWAY};
use crate::connection::upgrade::ByteStream;
use crate::wire::body::BodyError;

/// The receiving side of a connection after the change of protocol; `None` before it and after the end.
type Receiving = Mutex<Option<ReadHalf<Box<dyn ByteStream>>>>;

/// The number of bytes that are read at once.
const BUFFER_BYTES: usize = 16 * 1024;

/// The bytes that follow the request. When the plugin is replaced or the host stops, the host ends the body with a
/// close frame (code 1001). The SDK answers it, so the client receives a close frame, too.
pub(in crate::plugin) struct ClientBytes {
    /// `None` once the connection has changed its protocol.
    opened: Option<oneshot::Receiver<Bytes>>,
    receiving: Arc<Receiving>,
    frames: FrameScanner,
    buffer: BytesMut,
    /// `None` after it has happened.
    going_away: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Connects a [`ClientBytes`] to its connection, and ends it when dropped.
pub(super) struct Opener {
    opened: Option<oneshot::Sender<Bytes>>,
    receiving: Arc<Receiving>,
    ended: CancellationToken,
}

impl ClientBytes {
    /// Bytes of the connection that the opener provides, until `going_away`.
    pub(super) fn new(going_away: impl Future<Output = ()> + Send + 'static) -> (Opener, ClientBytes) {
        let (sender, receiver) = oneshot::channel();
        let receiving = Arc::new(Receiving::default());
        let ended = CancellationToken::new();
        let bytes = ClientBytes {
            opened: Some(receiver),
            receiving: receiving.clone(),
            frames: FrameScanner::default(),
            buffer: BytesMut::new(),
            going_away: Some(Box::pin(going_away)),
            ended: Box::pin(ended.clone().cancelled_owned()),
        };
        (Opener { opened: Some(sender), receiving, ended }, bytes)
    }
}

impl Opener {
    /// Provides the connection, and bytes that were already read from it.
    pub(super) fn open(&mut self, half: ReadHalf<Box<dyn ByteStream>>, read: Bytes) {
        *self.receiving.lock() = Some(half);
        if let Some(opened) = self.opened.take() {
            // The plugin may have dropped the body.
            let _ = opened.send(read);
        }
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        // The plugin may keep the body; the connection is closed nevertheless.
        *self.receiving.lock() = None;
        self.ended.cancel();
    }
}

impl Body for ClientBytes {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        if let Some(opened) = &mut this.opened {
            // An error means that the change of protocol failed, and is noticed below.
            let read = ready!(Pin::new(opened).poll(context)).unwrap_or_default();
            this.opened = None;
            this.frames.read(&read);
            if !read.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(read))));
            }
        }
        if this.going_away.as_mut().is_some_and(|future| future.as_mut().poll(context).is_ready()) {
            this.going_away = None;
        }
        let mut receiving = this.receiving.lock();
        let Some(half) = receiving.as_mut() else { return Poll::Ready(None) };
        if this.going_away.is_none() && this.frames.is_at_boundary() {
            *receiving = None;
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&GOING_AWAY)))));
        }
        this.buffer.reserve(BUFFER_BYTES);
        match poll_read_buf(Pin::new(half), context, &mut this.buffer) {
            Poll::Ready(Ok(0)) => {
                *receiving = None;
                return Poll::Ready(None);
            }
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(error)) => {
                *receiving = None;
                return Poll::Ready(Some(Err(error.into())));
            }
            Poll::Pending => {
                drop(receiving);
                ready!(this.ended.as_mut().poll(context));
                return Poll::Ready(None);
            }
        }
        let end = this.frames.read(&this.buffer);
        if this.going_away.is_none()
            && let Some(end) = end
        {
            *receiving = None;
            this.buffer.truncate(end);
            this.buffer.extend_from_slice(&GOING_AWAY);
        }
        Poll::Ready(Some(Ok(Frame::data(this.buffer.split().freeze()))))
    }
}
