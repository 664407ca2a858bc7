use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin]
impl Cats {
    #[get("/cats")]
    async fn cats(&self, id: u32) -> String {
        id.to_string()
    }
}

export!(Cats);

fn main() {}
