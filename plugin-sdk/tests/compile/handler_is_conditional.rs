use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin]
impl Cats {
    #[cfg(unix)]
    #[get("/cats")]
    async fn cats(&self) {}
}

export!(Cats);

fn main() {}
