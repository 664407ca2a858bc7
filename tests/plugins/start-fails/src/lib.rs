//! A plugin whose start returns an error.

use plugin_sdk::prelude::*;

struct Plugin;

#[plugin]
impl Plugin {
    #[start]
    async fn start() -> Result<Self> {
        Err(Error::new(StatusCode::SERVICE_UNAVAILABLE, "no_database").with_detail("the database does not answer"))
    }

    #[get("/hello")]
    fn hello(&self) -> &'static str {
        "hello"
    }
}

export!(Plugin);
