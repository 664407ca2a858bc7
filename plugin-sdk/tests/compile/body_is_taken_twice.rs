use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin]
impl Cats {
    #[post("/cats")]
    async fn add(&self, Json(_): Json<Value>, _raw: Option<Bytes>) {}
}

export!(Cats);

fn main() {}
