//! Runtimes beside that of the SDK: one that is never shut down, and one that is, without waiting for its threads.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use plugin_sdk::prelude::*;
use tokio::runtime::{Builder, Runtime};

static FOREVER: OnceLock<Runtime> = OnceLock::new();

#[derive(Default)]
struct Plugin {
    ends: Mutex<Option<Ends>>,
}

struct Ends(Option<Runtime>);

#[plugin]
impl Plugin {
    #[post("/forever")]
    fn forever(&self) -> Result<NoContent> {
        let runtime = running("own-forever")?;
        // There is one already. Dropping the second one would wait for its threads, and a task must not wait.
        if let Err(runtime) = FOREVER.set(runtime) {
            runtime.shutdown_background();
        }
        Ok(NoContent)
    }

    #[post("/ends")]
    fn ends(&self) -> Result<NoContent> {
        let runtime = running("own-ends")?;
        *self.ends.lock().unwrap_or_else(PoisonError::into_inner) = Some(Ends(Some(runtime)));
        Ok(NoContent)
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A runtime of two threads with a task that never ends.
fn running(name: &str) -> Result<Runtime> {
    let runtime = Builder::new_multi_thread().worker_threads(2).thread_name(name).enable_time().build()?;
    runtime.spawn(async {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        loop {
            ticks.tick().await;
        }
    });
    Ok(runtime)
}

export!(Plugin);
