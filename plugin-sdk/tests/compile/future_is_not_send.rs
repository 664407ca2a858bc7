use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin]
impl Cats {
    #[get("/cats")]
    async fn cats(&self) -> String {
        let name = std::rc::Rc::new("Zoe".to_owned());
        std::future::ready(()).await;
        name.to_string()
    }
}

export!(Cats);

fn main() {}
