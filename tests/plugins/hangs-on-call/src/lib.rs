//! Waits for what never comes.

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use futures_core::Stream;
use plugin_sdk::prelude::*;

#[derive(Default)]
struct Plugin;

#[plugin]
impl Plugin {
    #[get("/fine")]
    fn fine(&self) -> &'static str {
        "fine"
    }

    #[get("/for-ever")]
    #[get("/patient")]
    async fn for_ever(&self) -> &'static str {
        std::future::pending().await
    }

    #[get("/half")]
    fn half(&self) -> StreamBody<Half> {
        StreamBody(Half { sent: false })
    }
}

struct Half {
    sent: bool,
}

impl Stream for Half {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::replace(&mut self.sent, true) {
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(Bytes::from_static(b"half"))))
    }
}

export!(Plugin);
