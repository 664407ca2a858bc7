use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin]
impl Cats {
    #[get("/cats")]
    async fn cats<T: serde::de::DeserializeOwned>(&self, Json(_): Json<T>) {}

    #[post("/cats")]
    async fn add(&self, _cat: impl FromRequest) {}
}

export!(Cats);

fn main() {}
