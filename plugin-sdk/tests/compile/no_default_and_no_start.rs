use plugin_sdk::prelude::*;

struct Cats;

#[plugin]
impl Cats {
    #[get("/cats")]
    async fn cats(&self) {}
}

export!(Cats);

fn main() {}
