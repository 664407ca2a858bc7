//! Limits of event and log streams: their number in total and per caller, and their end with the caller's token.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use http::StatusCode;
use http_body::Frame;
use parking_lot::Mutex;

use crate::access::caller::Caller;
use crate::connection::rules::Rules;
use crate::wire::problem::ApiError;

/// Value of `Retry-After`, in seconds.
const RETRY_AFTER: u32 = 5;

/// The open streams, by caller.
#[derive(Debug, Default)]
pub(crate) struct Streams(Mutex<HashMap<String, usize>>);

/// A permit for one stream.
#[derive(Debug)]
pub(crate) struct StreamPermit {
    streams: Arc<Streams>,
    caller: String,
}

impl Streams {
    /// Returns a permit for one more stream.
    pub(crate) fn take(self: &Arc<Self>, caller: &Caller, rules: &Rules) -> Result<StreamPermit, ApiError> {
        self.take_for(&caller.principal.name, rules)
    }

    fn take_for(self: &Arc<Self>, caller: &str, rules: &Rules) -> Result<StreamPermit, ApiError> {
        let mut open = self.0.lock();
        let n_own = open.get(caller).copied().unwrap_or(0);
        let detail = if open.values().sum::<usize>() >= rules.max_streams {
            format!("the limit of {} open streams is reached", rules.max_streams)
        } else if n_own >= rules.max_streams_per_caller {
            format!("the limit of {n_own} open streams of this caller is reached")
        } else {
            open.insert(caller.to_owned(), n_own + 1);
            return Ok(StreamPermit { streams: self.clone(), caller: caller.to_owned() });
        };
        Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "streams_too_many", detail)
            .fix("close a stream, or raise `max_streams_per_caller` or `max_streams`")
            .retry_after(RETRY_AFTER))
    }
}

impl StreamPermit {
    /// Attaches the permit to the response's body, which ends at the latest with `ended`.
    pub(crate) fn hold(self, response: Response, ended: impl Future<Output = ()> + Send + 'static) -> Response {
        response.map(|body| Body::new(Stream { body, ended: Box::pin(ended), _permit: self }))
    }
}

/// The body of a stream.
struct Stream {
    body: Body,
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
    _permit: StreamPermit,
}

impl HttpBody for Stream {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        // Checked first, so that nothing is sent after the token has become invalid.
        match self.ended.as_mut().poll(context) {
            Poll::Ready(()) => {
                self.ended = Box::pin(std::future::ready(()));
                Poll::Ready(None)
            }
            Poll::Pending => Pin::new(&mut self.body).poll_frame(context),
        }
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut open = self.streams.0.lock();
        if let Some(n_own) = open.get_mut(&self.caller) {
            *n_own -= 1;
            if *n_own == 0 {
                open.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_limited_per_caller_and_in_total() {
        let streams = Arc::new(Streams::default());
        let rules = Rules { max_streams: 3, max_streams_per_caller: 2, ..Rules::default() };
        let take = |caller: &str| streams.take_for(caller, &rules).map_err(|refused| refused.detail);
        let first = take("a").unwrap();
        let _second = take("a").unwrap();
        assert_eq!(take("a").unwrap_err(), "the limit of 2 open streams of this caller is reached");
        let third = take("b").unwrap();
        assert_eq!(take("b").unwrap_err(), "the limit of 3 open streams is reached");
        drop((first, third));
        assert!(take("a").is_ok());
        assert_eq!(streams.0.lock().len(), 1);
    }
}
