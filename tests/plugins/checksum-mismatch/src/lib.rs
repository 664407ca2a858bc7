//! A good plugin, but not the one whose digest plugin.yaml lists.

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
