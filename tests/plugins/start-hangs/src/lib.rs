//! A plugin whose start never ends, but gives its thread back.

use plugin_sdk::prelude::*;

struct Plugin;

#[plugin]
impl Plugin {
    #[start]
    async fn start() -> Result<Self> {
        std::future::pending().await
    }

    #[get("/hello")]
    fn hello(&self) -> &'static str {
        "hello"
    }
}

export!(Plugin);
