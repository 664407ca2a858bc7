//! A stop hook that never ends.

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Plugin;

#[plugin]
impl Plugin {
    #[get("/hello")]
    fn hello(&self) -> &'static str {
        "hello"
    }

    #[stop]
    async fn stop(&self) -> Result<()> {
        std::future::pending().await
    }
}

export!(Plugin);
