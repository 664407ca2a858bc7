use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin]
impl Cats {
    #[get("/cats")]
    async fn cats(&self) {}

    #[start]
    async fn start(&self) -> Result<Self> {
        Ok(Cats)
    }

    #[upgrade]
    async fn upgrade(&self) {}

    #[on_error]
    async fn on_error(&self, _report: &ErrorReport) {}

    #[health("/health")]
    fn health(&self) {}
}

export!(Cats);

fn main() {}
