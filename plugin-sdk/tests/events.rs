//! Server-sent events of a plugin, by its own clock.

#![expect(clippy::disallowed_methods, reason = "a test waits for what it spawns")]

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use futures_core::Stream;
use plugin_sdk::prelude::*;
use plugin_sdk::testing::TestPlugin;

/// One event, and then nothing for good.
struct Quiet(Option<Event>);

impl Stream for Quiet {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        self.0.take().map_or(Poll::Pending, |event| Poll::Ready(Some(Ok(event))))
    }
}

#[derive(Default)]
struct News;

#[plugin]
impl News {
    #[get("/news")]
    fn news(&self) -> impl IntoResponse {
        let first = Event::default().event("news").data("a cat was seen");
        Sse::new(Quiet(Some(first))).keep_alive_every(Duration::from_secs(15))
    }
}

#[tokio::test]
async fn a_quiet_stream_is_kept_alive_by_the_clock_of_the_plugin() {
    let plugin = TestPlugin::<News>::builder().paused_clock().start().await;
    let mut answer = plugin.get("/news").await;
    assert_eq!(answer.header("content-type"), "text/event-stream");
    assert_eq!(answer.chunk().await.unwrap(), "event: news\ndata: a cat was seen\n\n");

    let mut next = tokio::spawn(async move { answer.chunk().await });
    plugin.advance(Duration::from_secs(14)).await;
    assert!(!next.is_finished());
    plugin.advance(Duration::from_secs(1)).await;
    assert_eq!((&mut next).await.unwrap().unwrap(), ":\n\n");
    plugin.stop().await.unwrap();
}
