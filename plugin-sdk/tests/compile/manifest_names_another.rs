use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin(manifest = "cats.yaml")]
impl Cats {
    #[get("/cats")]
    async fn cats(&self) {}

    #[post("/cats")]
    async fn add(&self) {}

    #[get("/cats/{id}")]
    async fn cat(&self) {}

    #[delete("/cats/:id")]
    async fn delete(&self) {}

    async fn rename(&self) {}
}

export!(Cats);

fn main() {}
