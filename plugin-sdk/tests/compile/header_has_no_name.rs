use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin]
impl Cats {
    #[get("/cats")]
    async fn cats(&self, #[header] _a: String, _b: String) {}

    #[get("/dogs")]
    async fn dogs(&self, #[header("no name")] _a: String) {}
}

export!(Cats);

fn main() {}
