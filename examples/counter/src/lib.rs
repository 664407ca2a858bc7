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
struct Configuration {
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
    async fn start(context: Context) -> Result<Self> {
        let Configuration { start, step } = context.configuration()?;
        context.log(Level::Info, &format!("counting from {start} in steps of {step}"));
        Ok(Counter { count: AtomicI64::new(start), step, generation: context.generation() })
    }

    #[get("/count")]
    fn read(&self) -> Json<Count> {
        Json(Count { count: self.count.load(Ordering::Relaxed), generation: self.generation })
    }

    #[post("/count")]
    fn add(&self) -> Json<Count> {
        let count = self.count.fetch_add(self.step, Ordering::Relaxed) + self.step;
        Json(Count { count, generation: self.generation })
    }
}

export!(Counter);
