//! A good plugin but for the missing `export!(Hello)`.

use plugin_sdk::prelude::*;

#[derive(Default)]
pub struct Hello;

#[plugin]
impl Hello {
    #[get("/hello")]
    fn hello(&self) -> &'static str {
        "hello"
    }
}
