//! Panics in every place where a plugin's code runs during a call. None may leave the library.

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use futures_core::Stream;
use plugin_sdk::prelude::*;

#[derive(Default)]
struct Plugin;

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[plugin]
impl Plugin {
    #[get("/fine")]
    fn fine(&self) -> &'static str {
        "fine"
    }

    #[get("/handler")]
    fn handler(&self) -> &'static str {
        panic!("the handler panics")
    }

    #[post("/later")]
    async fn later(&self, body: Bytes) -> String {
        panic!("after {} bytes", body.len())
    }

    #[get("/body")]
    fn body(&self) -> StreamBody<Chunks> {
        StreamBody(Chunks { n_sent: 0, _bomb: None, panics_at: 1 })
    }

    #[get("/drop")]
    async fn drop(&self) -> &'static str {
        let _bomb = Bomb;
        std::future::pending().await
    }

    #[get("/drop-body")]
    fn drop_body(&self) -> StreamBody<Chunks> {
        StreamBody(Chunks { n_sent: 0, _bomb: Some(Bomb), panics_at: usize::MAX })
    }

    #[get("/payload")]
    fn payload(&self) -> &'static str {
        std::panic::panic_any(Bomb)
    }
}

/// Chunks without end, unless it panics.
struct Chunks {
    n_sent: usize,
    panics_at: usize,
    _bomb: Option<Bomb>,
}

impl Stream for Chunks {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        assert!(self.n_sent < self.panics_at, "the body panics");
        self.n_sent += 1;
        Poll::Ready(Some(Ok(Bytes::from_static(b"chunk\n"))))
    }
}

export!(Plugin);
