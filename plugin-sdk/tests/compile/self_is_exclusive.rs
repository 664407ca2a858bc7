use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin]
impl Cats {
    #[get("/cats")]
    async fn cats(&mut self) {}

    #[post("/cats")]
    async fn add(self) {}
}

export!(Cats);

fn main() {}
