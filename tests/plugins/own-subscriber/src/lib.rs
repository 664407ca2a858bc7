//! Spans and events for a subscriber of the plugin's own, entered on whatever thread a call runs on.

use plugin_sdk::prelude::*;
use tracing::{Instrument as _, info, info_span};

struct Plugin;

#[plugin]
impl Plugin {
    #[start]
    fn start() -> Result<Plugin> {
        let subscriber = tracing_subscriber::fmt().with_writer(std::io::sink).finish();
        tracing::subscriber::set_global_default(subscriber)
            .map_err(|error| Error::internal(format!("there is a subscriber: {error}")))?;
        Ok(Plugin)
    }

    #[get("/spans")]
    async fn spans(&self) -> String {
        let inner = async {
            info!("before");
            let before = thread();
            tokio::task::yield_now().await;
            info!("after");
            format!("{before} {}", thread())
        };
        inner.instrument(info_span!("inner", answer = 42)).instrument(info_span!("outer")).await
    }
}

/// The number that the system gives this thread.
fn thread() -> String {
    let link = std::fs::read_link("/proc/thread-self").unwrap_or_default();
    link.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

export!(Plugin);
