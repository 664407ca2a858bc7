//! A plugin with a library that takes half a second to open.

use plugin_sdk::prelude::*;

#[used]
#[unsafe(link_section = ".init_array")]
static WHEN_OPENED: extern "C" fn() = sleep;

extern "C" fn sleep() {
    std::thread::sleep(std::time::Duration::from_millis(500));
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
