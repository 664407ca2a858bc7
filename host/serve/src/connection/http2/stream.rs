//! The streams of an HTTP/2 connection: their tasks, and the time a client may leave a response unread.
//!
//! HTTP/2 has flow control for each stream, so a client can stop reading one response while the connection carries
//! others. hyper then waits for room without a limit, and keeps the chunk that it holds. A [`StreamBody`] therefore
//! hands out small pieces and records when it is asked for the next one; the [`StreamTasks`] end a stream whose client
//! makes no room for the next piece in time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Method, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use hyper::rt::Executor;
use parking_lot::Mutex;
use tokio::time::{Instant, Sleep};
use tokio_util::task::TaskTracker;

use crate::connection::state::{ClientWait, Connection, WaitKind};

/// Size of a piece. A client that reads nothing occupies one piece for each of its streams.
const MAX_PIECE_BYTES: usize = 16 * 1024;

/// Counts up when a piece is handed out and when the next one is asked for: an odd number while a piece waits for room.
#[derive(Clone, Debug, Default)]
struct Pieces(Arc<AtomicU64>);

/// The tasks of the streams of one connection. Streams start in the order of [`StreamTasks::next`] and
/// [`Executor::execute`], which hyper calls in turns.
#[derive(Clone)]
pub(crate) struct StreamTasks {
    tasks: TaskTracker,
    connection: Arc<Connection>,
    timeout: Duration,
    next: Arc<Mutex<Option<Pieces>>>,
}

/// The pieces of one stream, from its request to the body of its response.
#[derive(Debug)]
pub(crate) struct StreamPieces(Pieces);

/// A body that hands out pieces of limited size. They are copies, so that an unread piece keeps neither a larger buffer
/// nor the library of a plugin.
pub(crate) struct StreamBody<B> {
    body: B,
    /// False for a response without content, to HEAD for example. hyper checks this for HTTP/1 only.
    has_content: bool,
    rest: Bytes,
    pieces: Pieces,
}

/// The future of a stream, which ends when a piece waits for room too long.
struct WatchedStream<F> {
    stream: Pin<Box<F>>,
    pieces: Pieces,
    unread: Option<Unread>,
    timeout: Duration,
    connection: Arc<Connection>,
}

struct Unread {
    timer: Pin<Box<Sleep>>,
    piece: u64,
    _wait: ClientWait,
}

impl Pieces {
    fn hand_out(&self) {
        self.0.fetch_or(1, Ordering::Relaxed);
    }

    fn ask(&self) {
        // From an odd number to the next even one.
        let number = self.0.load(Ordering::Relaxed);
        self.0.store(number + (number & 1), Ordering::Relaxed);
    }

    /// Returns the number of the piece that waits for room.
    fn waiting(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|number| number & 1 == 1)
    }
}

impl StreamTasks {
    /// Clients may leave a piece unread for `timeout`.
    pub(crate) fn new(tasks: TaskTracker, connection: Arc<Connection>, timeout: Duration) -> StreamTasks {
        StreamTasks { tasks, connection, timeout, next: Arc::default() }
    }

    /// Announces the stream that is executed next.
    pub(crate) fn next(&self) -> StreamPieces {
        let pieces = Pieces::default();
        *self.next.lock() = Some(pieces.clone());
        StreamPieces(pieces)
    }
}

impl<F> Executor<F> for StreamTasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let pieces = self.next.lock().take().unwrap_or_default();
        let (timeout, connection) = (self.timeout, self.connection.clone());
        self.tasks.spawn(WatchedStream { stream: Box::pin(stream), pieces, unread: None, timeout, connection });
    }
}

impl<F: Future<Output = ()>> Future for WatchedStream<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.stream.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let Some(piece) = this.pieces.waiting() else {
            this.unread = None;
            return Poll::Pending;
        };
        let unread = this.unread.get_or_insert_with(|| Unread {
            timer: Box::pin(tokio::time::sleep(this.timeout)),
            piece,
            _wait: this.connection.wait(WaitKind::StreamReading),
        });
        if unread.piece != piece {
            unread.piece = piece;
            unread.timer.as_mut().reset(Instant::now() + this.timeout);
        }
        let is_late = unread.timer.as_mut().poll(context).is_ready();
        if is_late {
            tracing::debug!(peer = %this.connection.peer, "a stream was closed: the client stopped reading the response");
        }
        // The stream is dropped with this future, which resets it.
        if is_late { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl StreamPieces {
    /// The stream's response to a request with a method.
    pub(crate) fn response<B: Body>(self, method: &Method, response: Response<B>) -> Response<StreamBody<B>> {
        let is_head = method == Method::HEAD;
        let has_content = !is_head && !matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let length = response.body().size_hint().exact().filter(|_| is_head);
        let mut response = response.map(|body| StreamBody { body, has_content, rest: Bytes::new(), pieces: self.0 });
        if let Some(length) = length {
            response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| length.into());
        }
        response
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for StreamBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        if !this.has_content {
            return Poll::Ready(None);
        }
        this.pieces.ask();
        if this.rest.is_empty() {
            match std::task::ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(other) => return Poll::Ready(Some(Ok(other))),
                },
                ended => return Poll::Ready(ended),
            }
        }
        let piece = this.rest.split_to(this.rest.len().min(MAX_PIECE_BYTES));
        this.pieces.hand_out();
        Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&piece)))))
    }

    fn is_end_stream(&self) -> bool {
        !self.has_content || (self.rest.is_empty() && self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        if !self.has_content {
            return SizeHint::with_exact(0);
        }
        let n_rest = self.rest.len() as u64;
        let of_body = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(of_body.lower() + n_rest);
        if let Some(upper) = of_body.upper() {
            hint.set_upper(upper + n_rest);
        }
        hint
    }
}
