use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin]
impl Cats {
    #[get("/cats", name = "cats")]
    async fn cats(&self) {}

    #[get("/dogs", handler = "1st")]
    async fn dogs(&self) {}
}

export!(Cats);

fn main() {}
