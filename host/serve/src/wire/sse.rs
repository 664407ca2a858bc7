//! Server-sent events: frames, and a body that is made of them while they come.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};
use tokio::time::{Instant, Sleep};

/// Something is sent at least this often, so that proxies and readers know that the stream is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A stream ends after this time, and the reader connects again: so a proxy that forgot its side holds none for ever.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// First of all the reader learns to wait a second before it connects again.
const OPENING: &[u8] = b"retry: 1000\n\n";
const HEARTBEAT_FRAME: &[u8] = b":\n\n";

/// What comes next of a stream, with what is to be asked for more; `None` at its end.
type Next<S> = Pin<Box<dyn Future<Output = Option<(S, Vec<Frame>)>> + Send>>;

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// What the reader says it has when it connects again.
    pub(crate) id: Option<u64>,
    /// Its name, of one line; without, a reader calls it `message`.
    pub(crate) event: Option<&'static str>,
    /// Its data. Line ends of all kinds reach the reader as `\n`.
    pub(crate) data: String,
}

/// A stream of what `next` gives, again and again, until it gives nothing. Between frames it says that it is alive.
pub(crate) fn answer<S, F>(from: S, next: F) -> Response
where
    S: Send + 'static,
    F: FnMut(S) -> Next<S> + Send + 'static,
{
    let mut response = Response::new(Body::new(Stream::new(from, next, HEARTBEAT, MAX_AGE)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would hold back what comes in small parts.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Whether a request asks for a stream, where there is another form as well; `by_default` when it names neither.
pub(crate) fn is_wanted(headers: &HeaderMap, other: &str, by_default: bool) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accepted = accepted.flat_map(|value| value.split(',')).map(|part| part.split(';').next().unwrap_or_default());
    for media_type in accepted.map(str::trim) {
        if media_type.eq_ignore_ascii_case("text/event-stream") {
            return true;
        }
        if media_type.eq_ignore_ascii_case(other) {
            return false;
        }
    }
    by_default
}

impl Frame {
    fn bytes(&self) -> Bytes {
        let mut text = String::with_capacity(self.data.len() + 64);
        if let Some(id) = self.id {
            text += &format!("id: {id}\n");
        }
        if let Some(event) = self.event {
            text += &format!("event: {event}\n");
        }
        for line in self.data.replace("\r\n", "\n").split(['\n', '\r']) {
            text += &format!("data: {line}\n");
        }
        text.push('\n');
        text.into()
    }
}

struct Stream<S, F> {
    from: Option<S>,
    next: F,
    wait: Option<Next<S>>,
    ready: VecDeque<Bytes>,
    silence: Duration,
    heartbeat: Pin<Box<Sleep>>,
    ends: Instant,
}

// Nothing in it is pinned in place.
impl<S, F> Unpin for Stream<S, F> {}

impl<S, F: FnMut(S) -> Next<S>> Stream<S, F> {
    fn new(from: S, next: F, silence: Duration, max_age: Duration) -> Stream<S, F> {
        let (ready, heartbeat) = (VecDeque::from([Bytes::from_static(OPENING)]), tokio::time::sleep(silence));
        let ends = Instant::now() + max_age;
        Stream { from: Some(from), next, wait: None, ready, silence, heartbeat: Box::pin(heartbeat), ends }
    }

    /// What is sent next; `None` at the end.
    fn poll_bytes(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                self.heartbeat.as_mut().reset(Instant::now() + self.silence);
                return Poll::Ready(Some(bytes));
            }
            if let Some(from) = self.from.take() {
                self.wait = Some((self.next)(from));
            }
            let Some(wait) = self.wait.as_mut() else { return Poll::Ready(None) };
            match wait.as_mut().poll(context) {
                Poll::Ready(next) => {
                    self.wait = None;
                    let Some((from, frames)) = next else { return Poll::Ready(None) };
                    self.ready.extend(frames.iter().map(Frame::bytes));
                    // At its end what has come is still sent: the reader goes on behind it.
                    self.from = (Instant::now() < self.ends).then_some(from);
                }
                Poll::Pending => {
                    ready!(self.heartbeat.as_mut().poll(context));
                    if Instant::now() >= self.ends {
                        return Poll::Ready(None);
                    }
                    self.ready.push_back(Bytes::from_static(HEARTBEAT_FRAME));
                }
            }
        }
    }
}

impl<S, F: FnMut(S) -> Next<S>> http_body::Body for Stream<S, F> {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        self.poll_bytes(context).map(|bytes| Some(Ok(http_body::Frame::data(bytes?))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(id: u64, data: &str) -> Frame {
        Frame { id: Some(id), event: Some("job.step"), data: data.to_owned() }
    }

    async fn text(body: Body) -> String {
        String::from_utf8(axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap()
    }

    #[test]
    fn a_frame_is_a_line_for_each_field_and_each_line_of_its_data() {
        assert_eq!(frame(7, "{}").bytes(), "id: 7\nevent: job.step\ndata: {}\n\n");
        let plain = Frame { id: None, event: None, data: "a\r\nb\rc\n\nid: 9".to_owned() };
        assert_eq!(plain.bytes(), "data: a\ndata: b\ndata: c\ndata: \ndata: id: 9\n\n");
    }

    #[tokio::test]
    async fn a_stream_opens_with_when_to_come_back_and_ends_with_its_source() {
        let response = answer(0, |n: u64| {
            Box::pin(async move { (n < 4).then(|| (n + 2, vec![frame(n + 1, "a"), frame(n + 2, "b")])) })
        });
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        let all = text(response.into_body()).await;
        assert!(all.starts_with("retry: 1000\n\nid: 1\n"), "{all}");
        assert_eq!(all.matches("id: ").count(), 4, "{all}");
        assert!(all.ends_with("id: 4\nevent: job.step\ndata: b\n\n"), "{all}");
    }

    #[tokio::test]
    async fn a_stream_with_nothing_to_say_says_that_it_is_alive() {
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let mut ended = Some(ended);
        let next = move |()| -> Next<()> {
            let ended = ended.take();
            Box::pin(async move { ended?.await.ok().map(|()| ((), vec![])) })
        };
        let mut stream = Stream::new((), next, Duration::from_millis(1), MAX_AGE);
        let mut end = Some(end);
        let mut seen = vec![];
        while let Some(bytes) = std::future::poll_fn(|context| stream.poll_bytes(context)).await {
            seen.push(bytes);
            if seen.len() == 4
                && let Some(end) = end.take()
            {
                end.send(()).unwrap();
            }
        }
        assert_eq!(seen[..4], [OPENING, HEARTBEAT_FRAME, HEARTBEAT_FRAME, HEARTBEAT_FRAME]);
    }

    #[tokio::test]
    async fn a_stream_ends_when_it_is_old() {
        let silent = |()| -> Next<()> { Box::pin(std::future::pending()) };
        let mut stream = Stream::new((), silent, Duration::from_millis(1), Duration::from_millis(5));
        while std::future::poll_fn(|context| stream.poll_bytes(context)).await.is_some() {}

        let talking = |n| -> Next<u64> { Box::pin(async move { Some((n + 1, vec![frame(n, "a")])) }) };
        let mut stream = Stream::new(0, talking, Duration::from_secs(1), Duration::from_millis(5));
        while std::future::poll_fn(|context| stream.poll_bytes(context)).await.is_some() {}
    }

    #[test]
    fn what_is_asked_for_first_is_given() {
        let wanted = |accept: &str, by_default| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            is_wanted(&headers, "application/json", by_default)
        };
        for (accept, by_default, expected) in [
            ("text/event-stream", false, true),
            ("Text/Event-Stream;q=0.9, application/json", false, true),
            ("application/json", true, false),
            ("application/json, text/event-stream", true, false),
            ("*/*", true, true),
            ("text/html", false, false),
        ] {
            assert_eq!(wanted(accept, by_default), expected, "{accept}");
        }
        assert!(is_wanted(&HeaderMap::new(), "application/json", true));
    }
}
