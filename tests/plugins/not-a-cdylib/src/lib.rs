//! A good plugin that is built as an ordinary Rust library.

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Hello;

#[plugin]
impl Hello {
    #[get("/hello")]
    fn hello(&self) -> &'static str {
        "hello"
    }
}

export!(Hello);
