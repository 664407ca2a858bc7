//! The bodies of requests to and responses from a server.
//!
//! A plugin's body holds its library and is only polled while the fetch is polled. Its bytes, which the host owns, pass
//! through a channel to the connection task, which may outlive the plugin.

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

/// The maximum number of chunks in the channel between plugin and connection.
const CHUNKS: usize = 2;

/// A request body, as the connection sends it. Holds nothing of the plugin.
pub(crate) enum RequestBody {
    /// The whole body.
    Whole(Option<Bytes>),
    /// The chunks of a stream and its length, if known; an error aborts the request.
    Stream(mpsc::Receiver<Result<Bytes, String>>, Option<u64>),
}

/// Passes a plugin's body into the channel while it is polled.
pub(crate) struct Upload {
    work: Option<BoxFuture<'static, Option<String>>>,
    failure: Option<String>,
}

/// The response body, as the plugin reads it until the deadline.
pub(crate) struct ResponseBody {
    body: Incoming,
    upload: Option<Upload>,
    deadline: Pin<Box<Sleep>>,
    timed_out: Option<Error>,
    _permit: Option<OwnedSemaphorePermit>,
}

// === impl RequestBody ===

impl RequestBody {
    pub(crate) fn whole(bytes: Bytes) -> RequestBody {
        RequestBody::Whole((!bytes.is_empty()).then_some(bytes))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        match self.get_mut() {
            RequestBody::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            RequestBody::Stream(chunks, _) => {
                chunks.poll_recv(context).map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, RequestBody::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            RequestBody::Stream(_, length) => length.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

// === impl Upload ===

impl Upload {
    pub(crate) fn new(mut body: ServiceBody) -> (RequestBody, Upload) {
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
                // The channel is closed when the server reads no more.
                if chunks.send(chunk).await.is_err() || failure.is_some() {
                    return failure;
                }
            }
            None
        };
        (RequestBody::Stream(sent, length), Upload { work: Some(Box::pin(work)), failure: None })
    }

    /// The message of the plugin, if its body failed.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.clone()
    }

    fn poll(&mut self, context: &mut Context<'_>) {
        if let Some(work) = &mut self.work
            && let Poll::Ready(failure) = work.as_mut().poll(context)
        {
            self.work = None;
            self.failure = failure;
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

// === impl ResponseBody ===

impl ResponseBody {
    pub(crate) fn new(
        body: Incoming,
        upload: Option<Upload>,
        deadline: Instant,
        timed_out: Error,
        permit: Option<OwnedSemaphorePermit>,
    ) -> ResponseBody {
        let deadline = Box::pin(sleep_until(deadline));
        ResponseBody { body, upload, deadline, timed_out: Some(timed_out), _permit: permit }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = String;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, String>>> {
        let answer = self.get_mut();
        let Some(timed_out) = &answer.timed_out else { return Poll::Ready(None) };
        if let Some(upload) = &mut answer.upload {
            upload.poll(context);
        }
        // Checked first: the body of a server that always has data ready would otherwise never reach the deadline
        // check.
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
