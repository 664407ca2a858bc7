//! The request of a call, and the ways to read its body.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use host_core::Size;
use host_load::{CallError, RequestBody};
use http::HeaderMap;
use http_body::Body;

use crate::caller::Caller;
use crate::refusal::CallRefusal;

/// The head of a request, as the plugin sees it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method.
    pub method: &'a http::Method,
    /// The path after the plugin's id, as the caller sent it.
    pub path: &'a str,
    /// The query without `?`.
    pub query: Option<&'a str>,
    /// The headers that the plugin may see.
    pub headers: &'a HeaderMap,
    /// The caller.
    pub caller: Caller<'a>,
    /// True if the request opens a WebSocket. Its body then has the bytes that the client sends after the handshake.
    pub is_upgrade: bool,
}

/// A body that the server reads from a connection.
pub trait IncomingBody: Body<Data = Bytes, Error: std::fmt::Display> + Send + Unpin + 'static {}

impl<B: Body<Data = Bytes, Error: std::fmt::Display> + Send + Unpin + 'static> IncomingBody for B {}

/// Reads a body of unknown length, up to `max_bytes`.
pub(crate) async fn read_at_most(body: &mut impl IncomingBody, max_bytes: u64) -> Result<Bytes, CallRefusal> {
    let mut all = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
        let frame = frame.map_err(|error| CallRefusal::BodyIncomplete(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if (all.len() + data.len()) as u64 > max_bytes {
            return Err(CallRefusal::BodyTooLarge(max_bytes));
        }
        all.extend_from_slice(&data);
    }
    Ok(all.into())
}

/// Reads a body of known length.
pub(crate) async fn read_whole(body: &mut impl IncomingBody) -> Result<Bytes, CallRefusal> {
    let mut all: Option<Bytes> = None;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
        let frame = frame.map_err(|error| CallRefusal::BodyIncomplete(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        all = Some(match all {
            None => data,
            Some(before) => [before, data].concat().into(),
        });
    }
    Ok(all.unwrap_or_default())
}

/// The progress of a body that the plugin pulls.
#[derive(Default)]
pub(crate) struct BodyProgress {
    /// The caller sent more than the limit of the endpoint.
    too_large: AtomicBool,
    /// The plugin has asked for more, and the caller has not sent it.
    waiting: AtomicBool,
}

impl BodyProgress {
    /// Blames the caller for a call that failed because of its body.
    pub(crate) fn attribute<T>(&self, answer: Result<T, CallRefusal>, max_bytes: u64) -> Result<T, CallRefusal> {
        if self.too_large.load(Ordering::Acquire) {
            // Also when the plugin made a response of the truncated body.
            return Err(CallRefusal::BodyTooLarge(max_bytes));
        }
        answer.map_err(|refusal| match refusal {
            // The plugin waited for the caller, so the timeout is not the plugin's failure.
            CallRefusal::Failed(CallError::TimedOut { after }) if self.waiting.load(Ordering::Acquire) => {
                CallRefusal::BodyTimedOut(after)
            }
            other => other,
        })
    }
}

/// The body as the plugin pulls it; fails after `max_bytes`.
pub(crate) fn limited(mut body: impl IncomingBody, max_bytes: u64, progress: Arc<BodyProgress>) -> RequestBody {
    let mut left = max_bytes;
    Box::new(move |context: &mut Context<'_>| {
        loop {
            let polled = Pin::new(&mut body).poll_frame(context);
            progress.waiting.store(polled.is_pending(), Ordering::Release);
            let frame = match ready!(polled) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error.to_string()))),
                Some(Ok(frame)) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            match left.checked_sub(data.remaining() as u64) {
                Some(rest) => left = rest,
                None => {
                    progress.too_large.store(true, Ordering::Release);
                    return Poll::Ready(Some(Err(format!("the body is larger than {}", Size::new(max_bytes)))));
                }
            }
            return Poll::Ready(Some(Ok(data)));
        }
    })
}
