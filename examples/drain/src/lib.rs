//! Calls that continue while the plugin is replaced: short calls end by themselves, long streams are told to end.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use plugin_sdk::prelude::*;
use tokio::sync::watch;
use tokio::time::sleep;

struct Drain {
    generation: u64,
    is_replaced: watch::Sender<bool>,
}

#[plugin]
impl Drain {
    #[start]
    fn start(context: Context) -> Self {
        Drain { generation: context.generation(), is_replaced: watch::Sender::new(false) }
    }

    #[get("/work/:ms")]
    async fn work(&self, Path(ms): Path<u64>) -> Json<Value> {
        sleep(Duration::from_millis(ms)).await;
        Json(json!({ "generation": self.generation }))
    }

    #[get("/watch")]
    async fn watch(&self) -> impl IntoResponse {
        let first = Event::default().data(format!("generation {} watches", self.generation));
        let mut is_replaced = self.is_replaced.subscribe();
        let last = async move {
            // An error means that the plugin is gone altogether.
            let _ = is_replaced.wait_for(|is_replaced| *is_replaced).await;
            Event::default().event("moved").data("connect again")
        };
        let events = stream::once(async { first }).chain(stream::once(last)).map(Ok::<_, Error>);
        Sse::new(events).keep_alive_every(Duration::from_secs(15))
    }

    #[on_unload]
    fn on_unload(&self) {
        self.is_replaced.send_replace(true);
    }

    #[stop]
    fn stop(&self) {
        info!("generation {} has nothing more to do", self.generation);
    }
}

export!(Drain);
