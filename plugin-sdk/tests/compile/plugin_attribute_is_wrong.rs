use plugin_sdk::prelude::*;

#[derive(Default)]
struct Cats;

#[plugin]
impl Iterator for Cats {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        None
    }
}

#[plugin(manifest = 7)]
impl Cats {
    #[get("/cats")]
    async fn cats(&self) {}
}

struct Dogs;

#[plugin(name = "dogs")]
impl Dogs {}

fn main() {}
