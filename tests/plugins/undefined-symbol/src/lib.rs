//! Calls a C function that no library has.

use plugin_sdk::prelude::*;

unsafe extern "C" {
    safe fn a_function_of_a_missing_library() -> u32;
}

#[derive(Default)]
struct Plugin;

#[plugin]
impl Plugin {
    #[get("/hello")]
    fn hello(&self) -> String {
        a_function_of_a_missing_library().to_string()
    }
}

export!(Plugin);
