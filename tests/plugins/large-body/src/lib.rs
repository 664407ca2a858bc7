//! An answer of 8 MiB in one piece.

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Plugin;

#[plugin]
impl Plugin {
    #[get("/body")]
    fn body(&self) -> Vec<u8> {
        vec![b'x'; 8 << 20]
    }
}

export!(Plugin);
