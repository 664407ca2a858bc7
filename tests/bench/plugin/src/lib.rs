//! What the measurements call, besides the examples: the smallest answer, the generation that gave it, extractors,
//! events for the log, blocks of heap and a stream of server-sent events.

mod guest;
mod ticks;

use std::hint::black_box;

use plugin_sdk::prelude::*;

use guest::{Greeting, Guest};

struct Measured {
    generation: u64,
}

#[plugin]
impl Measured {
    #[start]
    fn start(context: Context) -> Result<Self> {
        Ok(Measured { generation: context.generation() })
    }

    #[get("/empty")]
    async fn empty(&self) -> StatusCode {
        StatusCode::NO_CONTENT
    }

    /// Runs on a thread of the plugin.
    #[get("/plain")]
    fn plain(&self) -> StatusCode {
        StatusCode::NO_CONTENT
    }

    #[get("/generation")]
    async fn generation(&self) -> String {
        self.generation.to_string()
    }

    #[post("/hello/:name")]
    async fn hello(&self, Path(name): Path<String>, Json(guest): Json<Guest>) -> Json<Greeting> {
        Json(guest::greet(&name, &guest))
    }

    /// 1000 events of a level that a host does not want unless it is told to.
    #[get("/log/disabled")]
    async fn log_disabled(&self) -> StatusCode {
        for number in 0..1000_u32 {
            trace!(number, "an event");
        }
        StatusCode::NO_CONTENT
    }

    /// 10 events that reach the host.
    #[get("/log/enabled")]
    async fn log_enabled(&self) -> StatusCode {
        for number in 0..10_u32 {
            info!(number, "an event");
        }
        StatusCode::NO_CONTENT
    }

    /// 100 blocks of heap, one after the other.
    #[get("/allocate")]
    async fn allocate(&self) -> StatusCode {
        for _ in 0..100 {
            drop(black_box(Vec::<u8>::with_capacity(black_box(64))));
        }
        StatusCode::NO_CONTENT
    }

    #[get("/ticks")]
    async fn ticks(&self) -> impl IntoResponse {
        Sse::new(ticks::ticks(|number| Ok::<_, Error>(Event::default().data(number.to_string()))))
    }
}

export!(Measured);
