//! Three routes, of which plugin.yaml has one as it is here.

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Plugin;

// Compared with the manifest while it compiles it would not get as far as the host's own gate.
#[plugin(manifest = false)]
impl Plugin {
    #[get("/both")]
    fn both(&self) -> &'static str {
        "both"
    }

    #[get("/renamed", handler = "coded")]
    fn renamed(&self) -> &'static str {
        "renamed"
    }

    #[delete("/only-code")]
    fn only_code(&self) -> &'static str {
        "only code"
    }
}

export!(Plugin);
