use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin]
impl Cats {
    async fn cats(&self) {}

    #[health]
    fn health(&self) {}
}

export!(Cats);

fn main() {}
