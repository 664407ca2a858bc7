//! Bodies on their way to and from a server.
//!
//! A plugin's body holds its library and is only touched while the fetch is polled: its bytes, which are the host's, go
//! through a channel to the connection, which lives on its own and may end later than the plugin.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::future::{BoxFuture, poll_fn};
use host_load::ServiceBody;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::Error;

/// Chunks between the plugin and the connection.
const CHUNKS: usize = 2;

/// A body as the connection sends it. Nothing in it is the plugin's.
pub(crate) enum Sent {
    /// All of it.
    Whole(Option<Bytes>),
    /// What comes, and how much that will be where it is known; an error breaks the request off.
    Stream(mpsc::Receiver<Result<Bytes, String>>, Option<u64>),
}

/// Reads a plugin's body into the channel while it is polled.
pub(crate) struct Upload {
    work: Option<BoxFuture<'static, Option<String>>>,
    failure: Option<String>,
}

/// A server's body as the plugin reads it, to the deadline.
pub(crate) struct Answer {
    body: Incoming,
    upload: Option<Upload>,
    deadline: Pin<Box<Sleep>>,
    timed_out: Option<Error>,
    _permit: Option<OwnedSemaphorePermit>,
}

// === impl Sent ===

impl Sent {
    pub(crate) fn whole(bytes: Bytes) -> Sent {
        Sent::Whole((!bytes.is_empty()).then_some(bytes))
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        match self.get_mut() {
            Sent::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Sent::Stream(chunks, _) => chunks.poll_recv(context).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Sent::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Sent::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Sent::Stream(_, length) => length.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

// === impl Upload ===

impl Upload {
    pub(crate) fn new(mut body: ServiceBody) -> (Sent, Upload) {
        let length = body.size_hint().exact();
        let (chunks, sent) = mpsc::channel(CHUNKS);
        let work = async move {
            while let Some(frame) = body.frame().await {
                let chunk = match frame.map(Frame::into_data) {
                    Ok(Ok(data)) => Ok(data),
                    // Trailers are not passed on.
                    Ok(Err(_)) => continue,
                    Err(message) => Err(message),
                };
                let failure = chunk.as_ref().err().cloned();
                // A closed channel is a server that wants no more.
                if chunks.send(chunk).await.is_err() || failure.is_some() {
                    return failure;
                }
            }
            None
        };
        (Sent::Stream(sent, length), Upload { work: Some(Box::pin(work)), failure: None })
    }

    /// What the plugin said when its body failed.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.clone()
    }

    fn poll(&mut self, context: &mut Context<'_>) {
        if let Some(work) = &mut self.work
            && let Poll::Ready(failure) = work.as_mut().poll(context)
        {
            (self.work, self.failure) = (None, failure);
        }
    }
}

/// Waits for `head` while the body is being sent.
pub(crate) async fn while_sending<T>(upload: &mut Option<Upload>, head: impl Future<Output = T>) -> T {
    let mut head = std::pin::pin!(head);
    poll_fn(|context| {
        if let Some(upload) = upload {
            upload.poll(context);
        }
        head.as_mut().poll(context)
    })
    .await
}

// === impl Answer ===

impl Answer {
    pub(crate) fn new(
        body: Incoming,
        upload: Option<Upload>,
        deadline: Instant,
        timed_out: Error,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Answer {
        let deadline = Box::pin(sleep_until(deadline));
        Answer { body, upload, deadline, timed_out: Some(timed_out), _permit: permit }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        let answer = self.get_mut();
        let Some(timed_out) = &answer.timed_out else { return Poll::Ready(None) };
        if let Some(upload) = &mut answer.upload {
            upload.poll(context);
        }
        // First, because a server that always has more to send would never let it be seen.
        if answer.deadline.as_mut().poll(context).is_ready() {
            let message = format!("{}: {timed_out}", timed_out.code());
            answer.timed_out = None;
            return Poll::Ready(Some(Err(message)));
        }
        let frame = ready!(Pin::new(&mut answer.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| frame.map_err(|error| format!("fetch_failed: {}", crate::error::chain(&error)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
