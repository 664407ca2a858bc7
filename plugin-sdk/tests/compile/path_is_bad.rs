use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin]
impl Cats {
    #[get("cats")]
    async fn without_slash(&self) {}

    #[get("/cats/:id/{id}")]
    async fn one_name_twice(&self) {}

    #[get("/cats/*rest/more")]
    async fn tail_not_at_the_end(&self) {}

    #[get("/cats?limit=7")]
    async fn with_a_query(&self) {}

    #[get]
    async fn none(&self) {}
}

export!(Cats);

fn main() {}
