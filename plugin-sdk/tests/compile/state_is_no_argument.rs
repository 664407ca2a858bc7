use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats {
    names: Vec<String>,
}

#[plugin(manifest = false)]
impl Cats {
    #[get("/cats")]
    async fn cats(State(names): State<Vec<String>>) -> Json<Vec<String>> {
        Json(names)
    }
}

export!(Cats);

fn main() {}
