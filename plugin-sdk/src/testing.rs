//! A plugin in a test, without a host: for `[dev-dependencies]`, with the feature `testing`.
//!
//! A [`TestPlugin`] uses the same function tables as a host, so the tested code is the shipped code. The host's
//! services are replaced by fakes that record what the plugin does.
//!
//! ```
//! use plugin_sdk::prelude::*;
//! use plugin_sdk::testing::TestPlugin;
//!
//! struct Cats {
//!     context: Context,
//! }
//!
//! #[plugin]
//! impl Cats {
//!     #[start]
//!     async fn start(context: Context) -> Result<Cats> {
//!         Ok(Cats { context })
//!     }
//!
//!     #[get("/cats/{id}")]
//!     async fn cat(&self, Path(id): Path<u64>) -> Result<String> {
//!         self.context.kv().put("last", id.to_string()).await?;
//!         Ok(format!("cat {id}"))
//!     }
//! }
//!
//! plugin_sdk::testing::block_on(async {
//!     let plugin = TestPlugin::<Cats>::start().await;
//!     assert_eq!(plugin.get("/cats/7").await.text().await, "cat 7");
//!     assert_eq!(plugin.kv("last").unwrap(), "7");
//!
//!     let plugin = TestPlugin::<Cats>::builder().without("kv.write").start().await;
//!     assert_eq!(plugin.get("/cats/7").await.status(), 500);
//!     assert!(plugin.logs()[0].message.contains("add `kv.write` under `permissions`"));
//! });
//! ```
//!
//! A crate with tests in `tests/` needs `crate-type = ["cdylib", "rlib"]`; unit tests do not.

mod builder;
mod failure;
mod host;
mod host_table;
mod http;
mod log_line;
mod metrics;
mod plugin;
mod request;
mod response;
mod routes;
mod store;
#[cfg(feature = "test-host")]
mod test_host;
mod topics;

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

pub use builder::Builder;
pub use failure::TestFailure;
pub use http::SentRequest;
pub use log_line::LogLine;
pub use plugin::TestPlugin;
pub use request::TestRequest;
pub use response::TestResponse;
#[cfg(feature = "test-host")]
pub use test_host::{HostResponse, TestHost};

/// Waits for a future on this thread: for a plain `#[test]`.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// Yields to other tasks of this thread's executor.
async fn yield_now() {
    let mut has_yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
