//! A plugin whose library keeps the thread that opens it.

use plugin_sdk::prelude::*;

#[used]
#[unsafe(link_section = ".init_array")]
static WHEN_OPENED: extern "C" fn() = wait;

extern "C" fn wait() {
    loop {
        std::thread::park();
    }
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
