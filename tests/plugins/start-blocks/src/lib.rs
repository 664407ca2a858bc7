//! A plugin whose start blocks the thread it runs on.

use plugin_sdk::prelude::*;

struct Plugin;

#[plugin]
impl Plugin {
    #[start]
    async fn start() -> Result<Self> {
        loop {
            std::thread::park();
        }
    }

    #[get("/hello")]
    fn hello(&self) -> &'static str {
        "hello"
    }
}

export!(Plugin);
