//! Three endpoints: a greeting, a greeting by name, an echo of JSON.

use plugin_sdk::prelude::*;

#[derive(Default)]
struct Hello;

#[plugin]
impl Hello {
    #[get("/hello")]
    async fn hello(&self) -> Json<Value> {
        Json(json!({ "message": "Hello from plugin!" }))
    }

    #[get("/hello/:name")]
    async fn greet(&self, Path(name): Path<String>) -> Json<Value> {
        Json(json!({ "message": format!("Hello, {name}!") }))
    }

    #[post("/echo")]
    async fn echo(&self, Json(body): Json<Value>) -> Json<Value> {
        Json(body)
    }
}

export!(Hello);
