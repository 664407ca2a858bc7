//! Streaming responses: ticking events, and a download that is never held in memory.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use plugin_sdk::prelude::*;
use serde::Deserialize;
use tokio::time::interval;

/// Events this far apart have a comment in between, so that nothing on the way takes the connection for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const MAX_BYTES: u64 = 1_000_000_000;
static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

#[derive(Default)]
struct Streams {
    /// Each response holds a permit while it is sent.
    open: Arc<()>,
}

#[derive(Deserialize)]
struct Ticks {
    #[serde(default = "one_second")]
    every_ms: u64,
    count: Option<u64>,
}

fn one_second() -> u64 {
    1000
}

#[derive(Deserialize)]
struct Download {
    bytes: u64,
}

#[plugin]
impl Streams {
    #[get("/ticks")]
    async fn ticks(&self, Query(Ticks { every_ms, count }): Query<Ticks>) -> impl IntoResponse {
        let clock = interval(Duration::from_millis(every_ms.max(1)));
        let ticks = stream::unfold((1, clock, self.open.clone()), move |(tick, mut clock, open)| async move {
            if count.is_some_and(|count| tick > count) {
                return None;
            }
            clock.tick().await;
            let event = Event::default().id(tick.to_string()).json_data(json!({ "tick": tick }));
            Some((event, (tick + 1, clock, open)))
        });
        Sse::new(ticks).keep_alive_every(KEEP_ALIVE)
    }

    #[get("/download")]
    async fn download(&self, Query(Download { bytes }): Query<Download>) -> Result<impl IntoResponse> {
        if bytes > MAX_BYTES {
            return Err(Error::new(StatusCode::BAD_REQUEST, "too_many_bytes")
                .with_field("/bytes", format!("must be at most {MAX_BYTES}")));
        }
        let open = self.open.clone();
        let chunks = (0..bytes).step_by(ZEROS.len()).map(move |at| {
            let _open = &open;
            let end = ZEROS.len().min((bytes - at) as usize);
            Ok::<_, Error>(Bytes::from_static(&ZEROS[..end]))
        });
        Ok(([(header::CONTENT_LENGTH, bytes.to_string())], StreamBody(stream::iter(chunks))))
    }

    #[get("/open")]
    async fn open(&self) -> String {
        (Arc::strong_count(&self.open) - 1).to_string()
    }
}

export!(Streams);
