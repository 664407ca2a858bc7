//! The handler of `examples/hello`, compiled into axum: what the host is compared with.
//!
//! `plain <port> [same-headers]` listens on loopback. With `same-headers` an answer carries a constant `x-request-id` of
//! the length that the host's has, so that both write the same bytes.

use axum::Json;
use axum::Router;
use axum::http::HeaderName;
use axum::routing::get;
use serde_json::{Value, json};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

async fn hello() -> Json<Value> {
    Json(json!({ "message": "Hello from plugin!" }))
}

async fn hello_with_request_id() -> ([(HeaderName, &'static str); 1], Json<Value>) {
    ([(X_REQUEST_ID, "00000000-000000")], hello().await)
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let port: u16 = arguments.get(1).and_then(|port| port.parse().ok()).expect("the first argument is a port");
    let route = match arguments.get(2).map(String::as_str) {
        Some("same-headers") => get(hello_with_request_id),
        _ => get(hello),
    };
    let router = Router::new().route("/api/plugin-endpoints/hello/hello", route);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, router).await
}
