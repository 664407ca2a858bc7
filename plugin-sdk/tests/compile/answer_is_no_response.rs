use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

struct Cat;

#[plugin]
impl Cats {
    #[get("/cat")]
    async fn cat(&self) -> Cat {
        Cat
    }

    #[get("/cats")]
    fn cats(&self) -> Result<Vec<Cat>> {
        Ok(vec![Cat])
    }
}

export!(Cats);

fn main() {}
