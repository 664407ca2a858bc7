use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin]
impl Cats {
    #[get("/cats/:id")]
    async fn cat(&self, Path(_): Path<u32>) {}

    #[get("/cats/{name}")]
    async fn named(&self, Path(_): Path<String>) {}
}

export!(Cats);

fn main() {}
