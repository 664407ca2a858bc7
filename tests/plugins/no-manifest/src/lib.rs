//! A good plugin that lacks only its plugin.yaml.

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
