//! A plugin whose start ends the process, and first starts another one.

use plugin_sdk::prelude::*;

struct Plugin;

#[plugin]
impl Plugin {
    #[start]
    async fn start() -> Result<Self> {
        let child = std::process::Command::new("sleep").arg("3600").spawn()?;
        eprintln!("started process {}", child.id());
        eprintln!("nothing can start here");
        std::process::abort();
    }

    #[get("/hello")]
    fn hello(&self) -> &'static str {
        "hello"
    }
}

export!(Plugin);
