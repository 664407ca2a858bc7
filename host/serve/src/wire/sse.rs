//! Server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, Stream, StreamExt as _};
use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};
use tokio::time::Instant;

/// Longest silence of a stream. A comment is sent then, which tells proxies and readers that the stream is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Age at which a stream ends and the reader reconnects, so that a proxy which lost its client does not hold it
/// forever.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);
/// Time a reader waits before it reconnects, sent at the start of each stream.
const RECONNECT: Duration = Duration::from_secs(1);

/// One event of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventFrame {
    /// The id, which a reconnecting reader sends back.
    pub(crate) id: Option<u64>,
    /// The event name; readers use `message` without one.
    pub(crate) event: Option<&'static str>,
    /// The data.
    pub(crate) data: String,
}

/// Responds with a stream of the events that repeated calls of `next` return, until it returns `None`.
pub(crate) fn answer<S, F, N>(source: S, next: F) -> Response
where
    S: Send + 'static,
    F: FnMut(S) -> N + Send + 'static,
    N: Future<Output = Option<(S, Vec<EventFrame>)>> + Send + 'static,
{
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let mut response = Sse::new(events(source, next, MAX_AGE)).keep_alive(keep_alive).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Otherwise nginx buffers small responses.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Returns true for the headers of a stream of events.
pub(crate) fn is_stream(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    media_type.starts_with(b"text/event-stream")
}

fn events<S, F, N>(source: S, mut next: F, max_age: Duration) -> impl Stream<Item = Result<Event, Infallible>>
where
    F: FnMut(S) -> N,
    N: Future<Output = Option<(S, Vec<EventFrame>)>>,
{
    let ends = Instant::now() + max_age;
    let frames = stream::unfold(source, move |source| {
        // Events that have been read are always sent: the reader continues after the last one.
        let next = (Instant::now() < ends).then(|| tokio::time::timeout_at(ends, next(source)));
        async move {
            let (source, frames) = next?.await.ok()??;
            Some((stream::iter(frames.into_iter().map(EventFrame::into_event)), source))
        }
    });
    stream::iter([Event::default().retry(RECONNECT)]).chain(frames.flatten()).map(Ok)
}

/// Returns whether a request accepts an event stream rather than the other media type; `by_default` if it names
/// neither.
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

impl EventFrame {
    fn into_event(self) -> Event {
        let event = match self.id {
            Some(id) => Event::default().id(id.to_string()),
            None => Event::default(),
        };
        let event = match self.event {
            Some(name) => event.event(name),
            None => event,
        };
        event.data(self.data)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn frame(id: u64, data: &str) -> EventFrame {
        EventFrame { id: Some(id), event: Some("job.step"), data: data.to_owned() }
    }

    async fn text(body: Body) -> String {
        String::from_utf8(axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn an_event_has_a_line_for_each_field_and_each_line_of_its_data() {
        let plain = EventFrame { id: None, event: None, data: "a\nb\n\nid: 9".to_owned() };
        let mut frames = Some(vec![frame(7, "{}"), plain]);
        let response = answer((), move |()| std::future::ready(frames.take().map(|frames| ((), frames))));
        let expected = "retry: 1000\n\nid: 7\nevent: job.step\ndata: {}\n\ndata: a\ndata: b\ndata: \ndata: id: 9\n\n";
        assert_eq!(text(response.into_body()).await, expected);
    }

    #[tokio::test]
    async fn a_stream_starts_with_the_reconnection_time_and_ends_with_its_source() {
        let response =
            answer(0, |n: u64| async move { (n < 4).then(|| (n + 2, vec![frame(n + 1, "a"), frame(n + 2, "b")])) });
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let all = text(response.into_body()).await;
        assert!(all.starts_with("retry: 1000\n\nid: 1\n"), "{all}");
        assert_eq!(all.matches("id: ").count(), 4, "{all}");
        assert!(all.ends_with("id: 4\nevent: job.step\ndata: b\n\n"), "{all}");
    }

    #[tokio::test]
    async fn a_silent_stream_sends_comments_and_ends_at_its_maximum_age() {
        let silent = events((), |()| std::future::pending(), Duration::from_millis(50));
        let keep_alive = KeepAlive::new().interval(Duration::from_millis(5));
        let all = text(Sse::new(silent).keep_alive(keep_alive).into_response().into_body()).await;
        let comments = all.strip_prefix("retry: 1000\n\n").unwrap();
        assert!(comments.starts_with(":\n\n") && comments.replace(":\n\n", "").is_empty(), "{comments}");
    }

    #[tokio::test]
    async fn a_busy_stream_ends_at_its_maximum_age() {
        let next = async |n| Some((n + 1, vec![frame(n, "a")]));
        assert!(events(0, next, Duration::from_millis(5)).count().await > 1);
    }

    #[test]
    fn the_first_accepted_media_type_wins() {
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
