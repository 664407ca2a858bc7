//! HTTP through the host, and what becomes of the errors of another server.

use std::time::Duration;

use plugin_sdk::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    url: String,
    timeout_ms: u64,
}

struct Client {
    context: Context,
    settings: Settings,
}

#[plugin]
impl Client {
    #[start]
    fn start(context: Context, Configuration(settings): Configuration<Settings>) -> Self {
        Client { context, settings }
    }

    #[get("/stock")]
    async fn stock(&self) -> Result<Json<Value>> {
        let Settings { url, timeout_ms } = &self.settings;
        let asked = self.context.http().get(url).timeout(Duration::from_millis(*timeout_ms));
        let answer = asked.send().await.map_err(not_answered)?;
        if answer.status() != StatusCode::OK {
            return Err(unknown(StatusCode::BAD_GATEWAY, format!("the server responded with {}", answer.status())));
        }
        let stock: Value = answer.json().await.map_err(|error| unknown(StatusCode::BAD_GATEWAY, error.to_string()))?;
        Ok(Json(json!({ "stock": stock })))
    }
}

/// The other server's failure is a 502 or 504. All else, such as a host that plugin.yaml does not list, is for the
/// operator to mend: a 500, with the reason in the log.
fn not_answered(error: ServiceError) -> Error {
    match error.status() {
        status @ (StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT) => unknown(status, error.to_string()),
        _ => error.into(),
    }
}

fn unknown(status: StatusCode, why: String) -> Error {
    Error::new(status, "stock_unknown")
        .with_detail("the server with the stock does not respond as expected")
        .with_cause(why)
}

export!(Client);

#[cfg(test)]
mod tests {
    use super::*;
    use plugin_sdk::testing::{TestPlugin, block_on};

    #[test]
    fn errors_of_the_server_are_not_errors_of_the_plugin() {
        block_on(async {
            let settings = json!({ "url": "https://shop.example/stock", "timeout_ms": 100 });
            let builder = || TestPlugin::<Client>::builder().configuration(settings.clone());

            let plugin = builder().http(|_| Json(json!({ "tuna": 3 }))).start().await;
            assert_eq!(plugin.get("/stock").await.json::<Value>().await, json!({ "stock": { "tuna": 3 } }));
            assert_eq!(plugin.fetched()[0].url, "https://shop.example/stock");

            // Without an `http` the world is not there.
            assert_eq!(builder().start().await.get("/stock").await.status(), 502);
            let broken = builder().http(|_| StatusCode::INTERNAL_SERVER_ERROR).start().await;
            assert_eq!(broken.get("/stock").await.status(), 502);
            let nonsense = builder().http(|_| "no JSON").start().await;
            assert_eq!(nonsense.get("/stock").await.status(), 502);

            let forbidden = builder().without("http.fetch").start().await;
            assert_eq!(forbidden.get("/stock").await.status(), 500);
            assert!(forbidden.logs()[0].message.contains("add `http.fetch` under `permissions`"));
        });
    }
}
