use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin]
impl Cats {
    #[get("/async", blocking = false)]
    async fn waits(&self) {}

    #[get("/true", blocking = true)]
    fn blocks(&self) {}

    #[get("/one", blocking = false)]
    #[get("/two")]
    fn both(&self) {}
}

export!(Cats);

fn main() {}
