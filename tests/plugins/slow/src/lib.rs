//! Calls that last for as long as the caller wants, and say which generation answered.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as TaskContext, Poll, ready};

use futures_core::Stream;
use plugin_sdk::prelude::*;

struct Slow {
    generation: u64,
    context: Context,
    started: AtomicUsize,
}

#[plugin]
impl Slow {
    #[start]
    fn start(context: Context) -> Result<Self> {
        Ok(Slow { generation: context.generation(), context, started: AtomicUsize::new(0) })
    }

    #[get("/generation")]
    fn generation(&self) -> String {
        self.generation.to_string()
    }

    #[post("/wait")]
    async fn wait(&self, mut body: Body) -> Result<String> {
        self.started.fetch_add(1, Ordering::Relaxed);
        while let Some(chunk) = body.chunk().await {
            chunk?;
        }
        Ok(self.generation.to_string())
    }

    #[post("/stream")]
    fn stream(&self, body: Body) -> StreamBody<Held> {
        self.started.fetch_add(1, Ordering::Relaxed);
        StreamBody(Held { generation: self.generation, body: Some(body), begun: false })
    }

    #[get("/started")]
    fn started(&self) -> String {
        self.started.load(Ordering::Relaxed).to_string()
    }

    #[stop]
    fn stop(&self) -> Result<()> {
        self.context.log(Level::Info, &format!("generation {} stops", self.generation));
        Ok(())
    }
}

/// The generation when the answer begins, and again when the body of the request has ended.
struct Held {
    generation: u64,
    begun: bool,
    /// `None` at the end.
    body: Option<Body>,
}

impl Stream for Held {
    type Item = Result<String>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        if !std::mem::replace(&mut self.begun, true) {
            return Poll::Ready(Some(Ok(format!("{}\n", self.generation))));
        }
        while let Some(body) = &mut self.body {
            match ready!(Pin::new(body).poll_next(context)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    self.body = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {
                    self.body = None;
                    return Poll::Ready(Some(Ok(format!("{}\n", self.generation))));
                }
            }
        }
        Poll::Ready(None)
    }
}

export!(Slow);
