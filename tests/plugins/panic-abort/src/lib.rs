//! A good handler, and one whose panic would end the host if the profile were obeyed.

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Plugin;

#[plugin]
impl Plugin {
    #[get("/hello")]
    fn hello(&self) -> &'static str {
        "hello"
    }

    #[get("/panic")]
    fn panic(&self) -> &'static str {
        panic!("this must not end the host")
    }
}

export!(Plugin);
