//! Tokio inside a plugin: timers, tasks, blocking work, and a task that beats until the plugin stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use plugin_sdk::prelude::*;
use serde::Deserialize;
use tokio::task::JoinHandle;
use tokio::time::{interval, sleep, timeout};

const PATIENCE: Duration = Duration::from_millis(100);

#[derive(Deserialize)]
struct Settings {
    beat_ms: u64,
}

struct Timer {
    beats: Arc<AtomicU64>,
    beating: JoinHandle<()>,
}

#[plugin]
impl Timer {
    #[start]
    fn start(Configuration(Settings { beat_ms }): Configuration<Settings>) -> Self {
        let beats = Arc::new(AtomicU64::new(0));
        let counted = beats.clone();
        let beating = tokio::spawn(async move {
            let mut clock = interval(Duration::from_millis(beat_ms.max(1)));
            // The first tick comes at once.
            clock.tick().await;
            loop {
                clock.tick().await;
                counted.fetch_add(1, Ordering::Relaxed);
            }
        });
        Timer { beats, beating }
    }

    #[get("/sleep/:ms")]
    async fn sleep(&self, Path(ms): Path<u64>) -> Json<Value> {
        sleep(Duration::from_millis(ms)).await;
        Json(json!({ "slept_ms": ms }))
    }

    #[get("/patience/:ms")]
    async fn patience(&self, Path(ms): Path<u64>) -> Result<Json<Value>> {
        let slept = timeout(PATIENCE, sleep(Duration::from_millis(ms))).await;
        slept.map_err(|_| {
            let detail = format!("not done within {} ms", PATIENCE.as_millis());
            Error::new(StatusCode::GATEWAY_TIMEOUT, "too_slow").with_detail(detail)
        })?;
        Ok(Json(json!({ "slept_ms": ms })))
    }

    #[get("/squares/:n")]
    async fn squares(&self, Path(n): Path<u16>) -> Result<Json<Value>> {
        let tasks: Vec<_> = (1..=u64::from(n)).map(|i| tokio::spawn(async move { i * i })).collect();
        let mut sum = 0;
        for task in tasks {
            sum += task.await?;
        }
        Ok(Json(json!({ "sum": sum })))
    }

    /// A plain function runs on a thread of the plugin, so it may compute for long or block.
    #[get("/primes/:n")]
    fn primes(&self, Path(n): Path<u32>) -> Json<Value> {
        Json(json!({ "primes": (2..n).filter(|n| is_prime(*n)).count() }))
    }

    #[get("/beats")]
    async fn beats(&self) -> Json<Value> {
        Json(json!({ "beats": self.beats.load(Ordering::Relaxed) }))
    }

    #[stop]
    fn stop(&self) {
        self.beating.abort();
        info!("stopped after {} beats", self.beats.load(Ordering::Relaxed));
    }
}

fn is_prime(n: u32) -> bool {
    (2..).take_while(|divisor| divisor * divisor <= n).all(|divisor| n % divisor != 0)
}

export!(Timer);

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::testing::{TestPlugin, block_on};

    #[test]
    fn it_beats_until_it_is_stopped() {
        block_on(async {
            let builder = TestPlugin::<Timer>::builder().configuration(json!({ "beat_ms": 1000 }));
            let plugin = builder.paused_clock().start().await;
            for beats in 1..=3 {
                plugin.advance(Duration::from_secs(1)).await;
                assert_eq!(plugin.get("/beats").await.json::<Value>().await, json!({ "beats": beats }));
            }
            let logs = plugin.stop().await.unwrap();
            assert_eq!(logs[0].message, "stopped after 3 beats");
        });
    }
}
