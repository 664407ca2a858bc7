use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin]
impl Cats {
    #[get("/health")]
    #[health]
    fn health(&self) {}
}

export!(Cats);

fn main() {}
