//! Zeros for as long as somebody takes them, and how many do.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use futures_core::Stream;
use plugin_sdk::prelude::*;

#[derive(Default)]
struct Plugin {
    /// Each stream holds it.
    open: Arc<()>,
}

#[plugin]
impl Plugin {
    #[get("/zeros")]
    fn zeros(&self) -> StreamBody<Zeros> {
        StreamBody(Zeros { _open: self.open.clone() })
    }

    #[get("/open")]
    fn open(&self) -> String {
        (Arc::strong_count(&self.open) - 1).to_string()
    }
}

struct Zeros {
    _open: Arc<()>,
}

impl Stream for Zeros {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(Some(Ok(Bytes::from(vec![0; 64 * 1024]))))
    }
}

export!(Plugin);
