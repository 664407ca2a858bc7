//! Questions to the host that are polled once, with a waker whose code is in this library, and then left alone.

use std::io::Read as _;
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::thread::Builder;

use futures_core::Stream;
use plugin_sdk::prelude::*;

struct Plugin {
    context: Context,
    count: Arc<Count>,
}

/// Counts how often it is woken.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

type Question = Pin<Box<dyn Future<Output = ()> + Send>>;

#[plugin]
impl Plugin {
    #[start]
    fn start(context: Context) -> Plugin {
        Plugin { context, count: Arc::default() }
    }

    #[post("/subscribe/lost")]
    async fn subscribe_lost(&self) -> Result<NoContent> {
        Ok(lose(self.poll_once(self.subscription().await?)))
    }

    #[post("/subscribe/late")]
    async fn subscribe_late(&self, address: String) -> Result<NoContent> {
        drop_late(self.poll_once(self.subscription().await?), &address)
    }

    #[post("/ask/lost")]
    async fn ask_lost(&self) -> Result<NoContent> {
        Ok(lose(self.poll_once(self.question())))
    }

    #[post("/ask/late")]
    async fn ask_late(&self, address: String) -> Result<NoContent> {
        drop_late(self.poll_once(self.question()), &address)
    }

    #[post("/body/lost", blocking = false)]
    fn body_lost(&self, mut body: Body) -> NoContent {
        lose(self.poll_once(Box::pin(async move { while body.chunk().await.is_some() {} })))
    }

    #[get("/woken", blocking = false)]
    fn woken(&self) -> String {
        self.count.0.load(Ordering::Relaxed).to_string()
    }
}

impl Plugin {
    /// Listens to events that nobody publishes.
    async fn subscription(&self) -> Result<Question> {
        let mut subscription = self.context.events().subscribe("kept-waker/never").await?;
        Ok(Box::pin(async move { drop(subscription.next().await) }))
    }

    /// Asks the plugin `slow`, which answers when it has the whole body, and never sends all of it.
    fn question(&self) -> Question {
        let plugins = self.context.plugins();
        Box::pin(async move {
            let _ = plugins.post("/slow/wait").stream(Never).send().await;
        })
    }

    fn poll_once(&self, mut question: Question) -> Question {
        let waker = Waker::from(self.count.clone());
        let _ = question.as_mut().poll(&mut TaskContext::from_waker(&waker));
        question
    }
}

fn lose(question: Question) -> NoContent {
    std::mem::forget(question);
    NoContent
}

fn drop_late(question: Question, address: &str) -> Result<NoContent> {
    let mut stream = TcpStream::connect(address)?;
    Builder::new().name("late-drop".to_owned()).spawn(move || {
        // However the connection ends, it has ended.
        let _ = stream.read_to_end(&mut Vec::new());
        drop(question);
    })?;
    Ok(NoContent)
}

/// A body that never ends.
struct Never;

impl Stream for Never {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        Poll::Pending
    }
}

export!(Plugin);
