//! Ends the process of its host in every way that a plugin can.

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

    #[get("/segfault")]
    async fn segfault(&self) -> &'static str {
        // SAFETY: there is none; the page is never mapped.
        unsafe { std::ptr::without_provenance_mut::<u8>(0x10).write_volatile(1) };
        "not reached"
    }

    #[get("/abort")]
    async fn abort(&self) -> &'static str {
        std::process::abort()
    }

    #[get("/overflow")]
    async fn overflow(&self) -> String {
        deeper(1).to_string()
    }

    #[get("/exit")]
    async fn exit(&self) -> &'static str {
        std::process::exit(0)
    }

    #[get("/body")]
    fn body(&self) -> StreamBody<Chunks> {
        StreamBody(Chunks { n_sent: 0 })
    }

    #[get("/thread")]
    fn thread(&self) -> &'static str {
        in_a_thread(|| std::process::abort())
    }

    #[get("/thread-overflow")]
    fn thread_overflow(&self) -> &'static str {
        in_a_thread(|| {
            std::hint::black_box(deeper(1));
        })
    }

    #[get("/thread-exit")]
    fn thread_exit(&self) -> &'static str {
        in_a_thread(|| std::process::exit(0))
    }
}

fn in_a_thread(end: fn()) -> &'static str {
    let _ = std::thread::spawn(end).join();
    "not reached"
}

/// Uses a kilobyte of the stack for each level.
#[expect(unconditional_recursion, reason = "overflows the stack")]
#[inline(never)]
fn deeper(level: u64) -> u64 {
    let page = std::hint::black_box([level; 128]);
    deeper(level + 1) + page[1]
}

/// A first chunk, and then no other.
struct Chunks {
    n_sent: usize,
}

impl Stream for Chunks {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        if self.n_sent > 0 {
            std::process::abort();
        }
        self.n_sent += 1;
        Poll::Ready(Some(Ok(Bytes::from_static(b"chunk\n"))))
    }
}

export!(Plugin);
