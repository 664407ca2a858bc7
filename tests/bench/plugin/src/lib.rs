//! What the measurements call, besides the examples: the smallest answer, and the generation that gave it.

use plugin_sdk::prelude::*;

struct Measured {
    generation: u64,
}

#[plugin]
impl Measured {
    #[start]
    fn start(context: Context) -> Result<Self> {
        Ok(Measured { generation: context.generation() })
    }

    #[get("/empty")]
    async fn empty(&self) -> StatusCode {
        StatusCode::NO_CONTENT
    }

    #[get("/generation")]
    async fn generation(&self) -> String {
        self.generation.to_string()
    }
}

export!(Measured);
