//! A body that is read as it comes, one chunk at a time.

use plugin_sdk::prelude::*;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

#[derive(Default)]
struct Uploads;

#[derive(Serialize)]
struct Received {
    bytes: u64,
    sha256: String,
}

#[plugin]
impl Uploads {
    #[post("/digest")]
    async fn digest(&self, mut body: Body) -> Result<Json<Received>> {
        let (mut bytes, mut sha256) = (0, Sha256::new());
        while let Some(chunk) = body.chunk().await {
            let chunk = chunk?;
            bytes += chunk.len() as u64;
            sha256.update(&chunk);
        }
        let sha256 = sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Json(Received { bytes, sha256 }))
    }
}

export!(Uploads);
