//! Says that it is version 1.

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Plugin;

#[plugin]
impl Plugin {
    #[get("/version")]
    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

export!(Plugin);
