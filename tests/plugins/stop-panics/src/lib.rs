//! A plugin whose end panics, twice.

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Plugin;

#[plugin]
impl Plugin {
    #[get("/hello")]
    fn hello(&self) -> &'static str {
        "hello"
    }

    #[stop]
    fn stop(&self) -> Result<()> {
        panic!("the stop panics")
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        panic!("the drop panics");
    }
}

export!(Plugin);
