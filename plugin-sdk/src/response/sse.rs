//! Server-sent events.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::{Body, Error, IntoResponse, Response};

/// A response of server-sent events, each sent as soon as the stream returns it.
///
/// ```
/// use plugin_sdk::{Error, Event, IntoResponse, Sse};
/// use futures_core::Stream;
///
/// fn answer(ticks: impl Stream<Item = Result<Event, Error>> + Send + 'static) -> impl IntoResponse {
///     Sse::new(ticks)
/// }
/// ```
///
/// Intermediaries close quiet connections: send comments periodically with `Sse::keep_alive_every` or
/// [`Sse::keep_alive`].
#[derive(Debug)]
#[must_use = "events do nothing unless they are returned"]
pub struct Sse<S> {
    stream: S,
}

/// One event.
///
/// Line breaks in a name, an id or a comment would start another field and are sent as spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "an event does nothing unless it is sent"]
pub struct Event {
    text: String,
}

impl<S> Sse<S> {
    /// Creates a response from a stream of events.
    pub fn new<E>(stream: S) -> Sse<S>
    where
        S: Stream<Item = Result<Event, E>> + Send + 'static,
        E: Into<Error>,
    {
        Sse { stream }
    }

    /// Sends an empty comment whenever the stream has been quiet for the duration of the future of `sleep`.
    ///
    /// The plugin provides the timer; `Sse::keep_alive_every` uses the timer of tokio.
    pub fn keep_alive<F, T, E>(self, sleep: F) -> Sse<impl Stream<Item = Result<Event, E>> + Send + 'static>
    where
        S: Stream<Item = Result<Event, E>> + Send + 'static,
        F: FnMut() -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        Sse { stream: KeptAlive { stream: Box::pin(self.stream), sleep, timer: None } }
    }

    /// Sends an empty comment whenever the stream has been quiet for `quiet`.
    #[cfg(feature = "tokio")]
    pub fn keep_alive_every<E>(self, quiet: Duration) -> Sse<impl Stream<Item = Result<Event, E>> + Send + 'static>
    where
        S: Stream<Item = Result<Event, E>> + Send + 'static,
    {
        self.keep_alive(move || tokio::time::sleep(quiet))
    }
}

impl Event {
    /// Sets the data. Several lines are sent as several `data` lines and read as one text.
    pub fn data(mut self, data: impl AsRef<str>) -> Event {
        for line in lines(data.as_ref()) {
            self.field("data", line);
        }
        self
    }

    /// Sets the data to a value as JSON.
    ///
    /// # Errors
    /// The value does not serialize.
    pub fn json_data(self, value: impl Serialize) -> Result<Event, Error> {
        Ok(self.data(serde_json::to_string(&value)?))
    }

    /// Sets the name; the default is `message`.
    pub fn event(mut self, name: impl AsRef<str>) -> Event {
        self.field("event", &one_line(name.as_ref()));
        self
    }

    /// Sets the id, which a reconnecting caller sends as `last-event-id`.
    pub fn id(mut self, id: impl AsRef<str>) -> Event {
        // Readers ignore an id that holds a NUL.
        self.field("id", &one_line(id.as_ref()).replace('\0', ""));
        self
    }

    /// Sets the time that the caller waits before it reconnects.
    pub fn retry(mut self, wait: Duration) -> Event {
        self.field("retry", &wait.as_millis().to_string());
        self
    }

    /// Adds a comment, which readers skip.
    pub fn comment(mut self, comment: impl AsRef<str>) -> Event {
        self.field("", &one_line(comment.as_ref()));
        self
    }

    fn field(&mut self, name: &str, value: &str) {
        self.text.extend([name, if value.is_empty() { ":" } else { ": " }, value, "\n"]);
    }

    fn into_bytes(mut self) -> Bytes {
        self.text.push('\n');
        self.text.into()
    }
}

/// The lines of a text; each of the three line breaks that readers know ends one.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\r', '\n']) else { return rest.take() };
        let after = &text[end..];
        rest = Some(after.strip_prefix("\r\n").unwrap_or(&after[1..]));
        Some(&text[..end])
    })
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

impl<S, E> IntoResponse for Sse<S>
where
    S: Stream<Item = Result<Event, E>> + Send + 'static,
    E: Into<Error>,
{
    fn into_response(self) -> Response {
        let body = Body::from_stream(Written(Box::pin(self.stream)));
        Response::new(StatusCode::OK, body)
            .with_content_type("text/event-stream")
            .with_header(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))
            // Otherwise nginx buffers the events.
            .with_header(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"))
    }
}

/// Events as bytes.
struct Written<S>(Pin<Box<S>>);

impl<S: Stream<Item = Result<Event, E>>, E> Stream for Written<S> {
    type Item = Result<Bytes, E>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context).map(|item| item.map(|event| event.map(Event::into_bytes)))
    }
}

/// The stream of events, with comments while it is quiet.
struct KeptAlive<S, F, T> {
    stream: Pin<Box<S>>,
    sleep: F,
    timer: Option<Pin<Box<T>>>,
}

// Nothing in it is structurally pinned: the stream and the timer are boxed.
impl<S, F, T> Unpin for KeptAlive<S, F, T> {}

impl<S, F, T, E> Stream for KeptAlive<S, F, T>
where
    S: Stream<Item = Result<Event, E>>,
    F: FnMut() -> T,
    T: Future<Output = ()>,
{
    type Item = Result<Event, E>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let KeptAlive { stream, sleep, timer } = self.get_mut();
        if let Poll::Ready(item) = stream.as_mut().poll_next(context) {
            *timer = None;
            return Poll::Ready(item);
        }
        let running = timer.get_or_insert_with(|| Box::pin(sleep()));
        std::task::ready!(running.as_mut().poll(context));
        *timer = None;
        Poll::Ready(Some(Ok(Event::default().comment(""))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    fn text(event: Event) -> String {
        String::from_utf8(event.into_bytes().to_vec()).unwrap()
    }

    #[test]
    fn an_event_is_written_as_readers_expect_it() {
        let event = Event::default().event("tick").id("7\0").retry(Duration::from_secs(2)).data("a\nb\r\n\rc");
        assert_eq!(text(event), "event: tick\nid: 7\nretry: 2000\ndata: a\ndata: b\ndata:\ndata: c\n\n");
        assert_eq!(text(Event::default().data("")), "data:\n\n");
        assert_eq!(text(Event::default().event("a\ndata: b").comment("c\rd")), "event: a data: b\n: c d\n\n");
        assert_eq!(text(Event::default().json_data([1, 2]).unwrap()), "data: [1,2]\n\n");
    }

    /// Returns its events one by one and is pending in between.
    struct Slow(VecDeque<Option<Event>>);

    impl Stream for Slow {
        type Item = Result<Event, Error>;

        fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            match self.0.pop_front() {
                None => Poll::Ready(None),
                Some(Some(event)) => Poll::Ready(Some(Ok(event))),
                Some(None) => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
            }
        }
    }

    #[test]
    fn a_quiet_stream_gets_a_comment_each_time_the_timer_ends() {
        let events = Slow([Some(Event::default().data("a")), None, None, Some(Event::default().data("b"))].into());
        let response = Sse::new(events).keep_alive(|| std::future::ready(())).into_response();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let body = crate::test_block_on(response.into_body().collect(1000)).unwrap();
        assert_eq!(body, "data: a\n\n:\n\n:\n\ndata: b\n\n");
    }
}
