use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

struct Settings;

#[plugin]
impl Cats {
    #[get("/cats")]
    async fn cats(&self) {}

    #[start]
    fn start(_settings: Settings) -> Option<Self> {
        None
    }

    #[validate]
    fn validate(_settings: Settings) {}

    #[health]
    fn health(&self) -> bool {
        true
    }

    #[on_config_change]
    fn changed(&self) {}

    #[upgrade]
    fn upgrade(&self, _from: u32) {}
}

export!(Cats);

fn main() {}
