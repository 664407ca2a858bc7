//! Minimum pace of request bodies.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderMap};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::connection::rules::Rules;
use crate::connection::state::{ClientWait, Connection, WaitKind};
use crate::wire::body::BodyError;
use crate::wire::problem::ApiError;

/// Time before the average rate of a body is checked.
const SLOW_START: Duration = Duration::from_secs(30);

/// The required pace of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyPace {
    idle: Duration,
    /// 0 for no minimum.
    min_bytes_per_second: u64,
}

/// Set when a body arrived too slowly.
#[derive(Clone, Debug, Default)]
pub(crate) struct SlowBodyFlag(Option<Arc<AtomicBool>>);

/// A body that fails if nothing arrives for too long, or too little on average. Only the time during which the host
/// waits for data counts.
pub(crate) struct PacedBody<B> {
    body: B,
    pace: BodyPace,
    too_slow: SlowBodyFlag,
    n_bytes: u64,
    waited: Duration,
    waits: Option<BodyWait>,
    connection: Arc<Connection>,
    last_chunk: LastChunk,
}

/// Whether the last chunk of a chunked body was read, followed by nothing but the final empty line.
///
/// hyper takes any line after the last chunk for a trailer, also the request line of the next request behind a stray
/// line feed. Bodies with trailers are therefore refused, and a connection is closed after a response that begins
/// before the end of the chunked body was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastChunk(Option<Arc<AtomicBool>>);

impl LastChunk {
    /// For the body of a request with these headers.
    pub(crate) fn from_headers(headers: &HeaderMap) -> LastChunk {
        LastChunk(headers.contains_key(header::TRANSFER_ENCODING).then(Arc::default))
    }

    /// Returns whether the next request of the connection may start behind this body.
    pub(crate) fn allows_next_request(&self) -> bool {
        self.0.as_ref().is_none_or(|seen| seen.load(Ordering::Acquire))
    }

    /// Whether the body's end is known without reading chunks.
    fn is_framed(&self) -> bool {
        self.0.is_none()
    }

    fn seen(&self) {
        if let Some(seen) = &self.0 {
            seen.store(true, Ordering::Release);
        }
    }
}

struct BodyWait {
    timer: Pin<Box<Sleep>>,
    /// Start of the current wait; `None` while the host does not wait.
    since: Option<(Instant, ClientWait)>,
}

impl BodyPace {
    pub(crate) fn from_rules(rules: &Rules) -> BodyPace {
        BodyPace { idle: rules.body_idle_timeout, min_bytes_per_second: rules.min_body_bytes_per_second }
    }

    /// Returns how long to wait for the next part.
    fn left(self, n_bytes: u64, waited: Duration) -> Duration {
        let earned = n_bytes.checked_div(self.min_bytes_per_second).map(Duration::from_secs);
        match earned {
            None => self.idle,
            Some(earned) => self.idle.min((SLOW_START.max(self.idle) + earned).saturating_sub(waited)),
        }
    }
}

impl SlowBodyFlag {
    pub(crate) fn is_true(&self) -> bool {
        self.0.as_ref().is_some_and(|flag| flag.load(Ordering::Acquire))
    }

    /// The error for a body that arrived too slowly.
    pub(crate) fn refused() -> ApiError {
        ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_too_slow",
            "the request body arrived too slowly, or not completely",
        )
    }
}

impl<B: Body> PacedBody<B> {
    pub(crate) fn new(body: B, pace: BodyPace, connection: Arc<Connection>, last_chunk: LastChunk) -> PacedBody<B> {
        let too_slow = SlowBodyFlag((!body.is_end_stream()).then(Arc::default));
        PacedBody { body, pace, too_slow, n_bytes: 0, waited: Duration::ZERO, waits: None, connection, last_chunk }
    }

    pub(crate) fn too_slow(&self) -> SlowBodyFlag {
        self.too_slow.clone()
    }

    /// Ready when the current wait has been too long.
    fn poll_wait(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let left = self.pace.left(self.n_bytes, self.waited);
        let now = Instant::now();
        let waits =
            self.waits.get_or_insert_with(|| BodyWait { timer: Box::pin(tokio::time::sleep(left)), since: None });
        if waits.since.is_none() {
            waits.since = Some((now, self.connection.wait(WaitKind::Body)));
            waits.timer.as_mut().reset(now + left);
        }
        waits.timer.as_mut().poll(context)
    }
}

impl<B> Body for PacedBody<B>
where
    B: Body<Data = Bytes, Error: Into<BodyError>> + Unpin,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Pending => {
                std::task::ready!(this.poll_wait(context));
                if let Some(flag) = &this.too_slow.0 {
                    flag.store(true, Ordering::Release);
                }
                Poll::Ready(Some(Err("the request body arrived too slowly".into())))
            }
            Poll::Ready(frame) => {
                if let Some((since, _)) = this.waits.as_mut().and_then(|waits| waits.since.take()) {
                    this.waited += since.elapsed();
                }
                match &frame {
                    None => this.last_chunk.seen(),
                    // HTTP/2 has no ambiguous trailers. They are dropped, which RFC 9110, section 6.5.1, allows.
                    Some(Ok(frame)) if frame.is_trailers() && this.last_chunk.is_framed() => return Poll::Ready(None),
                    Some(Ok(frame)) if frame.is_trailers() => {
                        return Poll::Ready(Some(Err(
                            "the request body has trailers, which the host does not accept".into()
                        )));
                    }
                    _ => {}
                }
                if let Some(Ok(frame)) = &frame {
                    this.n_bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::poll_fn;

    use super::*;
    use crate::connection::registry::Connections;
    use crate::connection::rules::ReloadableRules;

    /// A body of parts that arrive after a delay each.
    struct Parts(VecDeque<(Pin<Box<Sleep>>, usize)>);

    impl Body for Parts {
        type Data = Bytes;
        type Error = BodyError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
            let Some((sleep, n_bytes)) = self.0.front_mut() else { return Poll::Ready(None) };
            std::task::ready!(sleep.as_mut().poll(context));
            let bytes = Bytes::from(vec![0; *n_bytes]);
            self.0.pop_front();
            Poll::Ready(Some(Ok(Frame::data(bytes))))
        }
    }

    /// Returns the number of bytes read from parts of a size that arrive after delays in milliseconds.
    async fn read(parts: &[(u64, usize)], idle_ms: u64, min_bytes_per_second: u64) -> Result<usize, String> {
        let mut at = Instant::now();
        let parts = parts.iter().map(|(wait_ms, n_bytes)| {
            at += Duration::from_millis(*wait_ms);
            (Box::pin(tokio::time::sleep_until(at)), *n_bytes)
        });
        let parts = Parts(parts.collect());
        let pace = BodyPace { idle: Duration::from_millis(idle_ms), min_bytes_per_second };
        let all = Arc::new(Connections::default());
        let peer = "127.0.0.1:1".parse().unwrap();
        let registered = all.add(peer, &ReloadableRules::new(Rules::default())).unwrap();
        let mut body = PacedBody::new(parts, pace, registered.connection.clone(), LastChunk::default());
        let too_slow = body.too_slow();
        let mut n_bytes = 0;
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            n_bytes += frame.map_err(|error| error.to_string())?.data_ref().unwrap().len();
        }
        assert!(!too_slow.is_true());
        Ok(n_bytes)
    }

    #[tokio::test]
    async fn a_body_that_keeps_arriving_is_read() {
        assert_eq!(read(&[(0, 5), (5, 5), (5, 5)], 60_000, 1).await, Ok(15));
        assert_eq!(read(&[(5, 1); 10], 60_000, 0).await, Ok(10));
    }

    #[tokio::test]
    async fn a_stalled_body_is_rejected() {
        assert!(read(&[(0, 5), (60_000, 5)], 5, 0).await.is_err());
    }

    #[test]
    fn the_allowed_wait_follows_from_the_minimum_rate() {
        let pace = BodyPace { idle: Duration::from_secs(10), min_bytes_per_second: 100 };
        let left = |n_bytes, waited| pace.left(n_bytes, Duration::from_secs(waited)).as_secs();
        assert_eq!([left(0, 0), left(0, 25), left(0, 31), left(1_000, 31), left(100_000, 900)], [10, 5, 0, 9, 10]);
        let any = BodyPace { min_bytes_per_second: 0, ..pace };
        assert_eq!(any.left(0, Duration::from_secs(9_999)).as_secs(), 10);
    }
}
