use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin(manifest = "broken.yaml")]
impl Cats {
    #[get("/cats")]
    async fn cats(&self) {}
}

export!(Cats);

fn main() {}
