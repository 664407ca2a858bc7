//! A thread that waits for nothing, for ever.

use std::thread::Builder;

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Plugin;

#[plugin]
impl Plugin {
    #[post("/begin", blocking = false)]
    fn begin(&self) -> Result<NoContent> {
        Builder::new().name("kafka-poll".to_owned()).spawn(|| {
            loop {
                std::thread::park();
            }
        })?;
        Ok(NoContent)
    }

    #[get("/hello", blocking = false)]
    fn hello(&self) -> &'static str {
        "hello"
    }
}

export!(Plugin);
