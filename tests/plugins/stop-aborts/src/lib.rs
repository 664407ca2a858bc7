//! A plugin whose stop hook ends the process.

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
        eprintln!("nothing can stop here");
        std::process::abort()
    }
}

export!(Plugin);
