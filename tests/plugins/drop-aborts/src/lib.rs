//! A plugin whose drop ends the process.

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Plugin;

#[plugin]
impl Plugin {
    #[get("/hello")]
    fn hello(&self) -> &'static str {
        "hello"
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        eprintln!("nothing can be dropped here");
        std::process::abort();
    }
}

export!(Plugin);
