//! A plugin whose start panics.

use plugin_sdk::prelude::*;

struct Plugin;

#[plugin]
impl Plugin {
    #[start]
    async fn start() -> Result<Self> {
        panic!("nothing can start here")
    }

    #[get("/hello")]
    fn hello(&self) -> &'static str {
        "hello"
    }
}

export!(Plugin);
