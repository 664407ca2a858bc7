//! A plugin with a type error in the one handler it has.

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Hello;

#[plugin]
impl Hello {
    #[get("/hello")]
    fn hello(&self) -> &'static str {
        let greeting: u32 = "hello";
        greeting
    }
}

export!(Hello);
