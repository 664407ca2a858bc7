//! A good plugin behind a plugin.yaml that is none.

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
