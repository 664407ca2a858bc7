//! Events: one handler publishes, another hands on what it is subscribed to.

use std::time::Duration;

use futures_util::StreamExt as _;
use plugin_sdk::prelude::*;
use serde::{Deserialize, Serialize};

struct Chat {
    context: Context,
}

#[derive(Deserialize, Serialize)]
struct Said {
    from: String,
    text: String,
}

#[derive(Deserialize)]
struct Listen {
    count: Option<usize>,
}

#[plugin]
impl Chat {
    #[start]
    fn start(context: Context) -> Self {
        Chat { context }
    }

    #[get("/listen")]
    async fn listen(&self, Query(Listen { count }): Query<Listen>) -> Result<impl IntoResponse> {
        let said = self.context.events().subscribe("chat/said").await?;
        let events = said.map(|event| match event {
            Ok(event) => Event::default().event("said").json_data(event.data),
            // A listener that is too slow misses something, and is told.
            Err(error) if error.is_lost() => Ok(Event::default().event("missed").data(error.detail())),
            Err(error) => Err(error.into()),
        });
        Ok(Sse::new(events.take(count.unwrap_or(usize::MAX))).keep_alive_every(Duration::from_secs(15)))
    }

    #[post("/say")]
    async fn say(&self, Form(said): Form<Said>) -> Result<Json<Value>> {
        let listeners = self.context.events().publish("said", &said).await?;
        Ok(Json(json!({ "listeners": listeners })))
    }
}

export!(Chat);

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::testing::{TestPlugin, block_on};

    #[test]
    fn what_one_says_is_heard_by_all() {
        block_on(async {
            let plugin = TestPlugin::<Chat>::start().await;
            let listen = || plugin.get("/listen?count=1");
            let (first, second) = (listen().await, listen().await);
            let said = plugin.post("/say").form(&[("from", "Zoe"), ("text", "Hello")]).await;
            assert_eq!(said.json::<Value>().await, json!({ "listeners": 2 }));
            for heard in [first, second] {
                assert_eq!(heard.text().await, "event: said\ndata: {\"from\":\"Zoe\",\"text\":\"Hello\"}\n\n");
            }
        });
    }
}
