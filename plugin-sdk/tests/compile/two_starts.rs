use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin]
impl Cats {
    #[get("/cats")]
    async fn cats(&self) {}

    #[start]
    fn start() -> Self {
        Cats
    }

    #[start]
    fn begin() -> Self {
        Cats
    }
}

export!(Cats);

fn main() {}
