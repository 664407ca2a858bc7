//! A plugin whose library is never done with being opened.

use plugin_sdk::prelude::*;

#[used]
#[unsafe(link_section = ".init_array")]
static WHEN_OPENED: extern "C" fn() = hang;

extern "C" fn hang() {
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
