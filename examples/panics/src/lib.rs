//! Panics in a handler, in a task and in a hook: none of them leaves the plugin.

use std::sync::atomic::{AtomicU64, Ordering};

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Panics {
    calls: AtomicU64,
}

impl Panics {
    fn count(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed) + 1
    }
}

#[plugin]
impl Panics {
    #[get("/handler")]
    async fn handler(&self) -> String {
        panic!("this was call {}", self.count())
    }

    #[get("/task")]
    async fn task(&self) -> &'static str {
        self.count();
        let task = tokio::spawn(async { panic!("in a task") });
        // As usual in tokio, awaiting the task returns the error.
        if task.await.is_err() { "the task panicked" } else { "nothing happened" }
    }

    #[get("/calls")]
    async fn calls(&self) -> String {
        self.count().to_string()
    }

    #[stop]
    fn stop(&self) {
        panic!("not even the end is in order")
    }
}

export!(Panics);
