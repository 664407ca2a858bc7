//! A plugin whose library ends the process that opens it.

use plugin_sdk::prelude::*;

#[used]
#[unsafe(link_section = ".init_array")]
static WHEN_OPENED: extern "C" fn() = abort;

extern "C" fn abort() {
    std::process::abort();
}

#[derive(Default)]
struct Plugin;

#[plugin]
impl Plugin {
    #[get("/hello")]
    fn hello(&self) -> &'static str {
        "hello"
    }
}

export!(Plugin);
