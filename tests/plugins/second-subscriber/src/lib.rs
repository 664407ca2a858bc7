//! A plugin that installs a second tracing subscriber, as a program does at its start.

use plugin_sdk::prelude::*;

struct Plugin;

#[plugin]
impl Plugin {
    #[start]
    async fn start() -> Result<Self> {
        tracing_subscriber::fmt::init();
        Ok(Plugin)
    }

    #[get("/hello")]
    fn hello(&self) -> &'static str {
        "hello"
    }
}

export!(Plugin);
