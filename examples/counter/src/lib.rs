//! State across calls: one value of the struct serves all of them, several at once.

use std::sync::atomic::{AtomicI64, Ordering};

use plugin_sdk::prelude::*;
use serde::{Deserialize, Serialize};

struct Counter {
    count: AtomicI64,
    step: i64,
    generation: u64,
}

#[derive(Deserialize)]
struct Settings {
    start: i64,
    step: i64,
}

#[derive(Serialize)]
struct Count {
    count: i64,
    generation: u64,
}

#[plugin]
impl Counter {
    #[start]
    fn start(context: Context, Configuration(Settings { start, step }): Configuration<Settings>) -> Self {
        info!("counting from {start} in steps of {step}");
        Counter { count: AtomicI64::new(start), step, generation: context.generation() }
    }

    #[get("/count")]
    async fn read(&self) -> Json<Count> {
        Json(Count { count: self.count.load(Ordering::Relaxed), generation: self.generation })
    }

    #[post("/count")]
    async fn add(&self) -> Json<Count> {
        let count = self.count.fetch_add(self.step, Ordering::Relaxed) + self.step;
        Json(Count { count, generation: self.generation })
    }
}

export!(Counter);

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::testing::{TestPlugin, block_on};

    #[test]
    fn each_call_adds_a_step_to_where_it_started() {
        block_on(async {
            let settings = json!({ "start": 10, "step": 5 });
            let plugin = TestPlugin::<Counter>::builder().configuration(settings).generation(3).start().await;
            plugin.post("/count").await;
            let count: Value = plugin.post("/count").await.json().await;
            assert_eq!(count, json!({ "count": 20, "generation": 3 }));
            assert_eq!(plugin.logs()[0].message, "counting from 10 in steps of 5");
        });
    }
}
