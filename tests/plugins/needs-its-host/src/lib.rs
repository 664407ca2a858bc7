//! A plugin whose start needs the key-value store: it gives up without it, or waits for ever.

use plugin_sdk::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    patient: bool,
}

struct Plugin;

#[plugin]
impl Plugin {
    #[start]
    async fn start(context: Context, Configuration(settings): Configuration<Settings>) -> Result<Self> {
        match context.kv().list("").await {
            Ok(_) => Ok(Plugin),
            Err(_) if settings.patient => std::future::pending().await,
            Err(error) => Err(error.into()),
        }
    }

    #[get("/hello")]
    fn hello(&self) -> &'static str {
        "hello"
    }
}

export!(Plugin);
