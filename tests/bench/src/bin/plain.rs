//! The handlers that are measured, compiled into axum: what the host is compared with.
//!
//! `plain <port> [same-headers]` listens on loopback. With `same-headers` an answer carries the headers that the host
//! adds, the request id with a constant of the same length, so that both write as many bytes.

#[path = "../../plugin/src/guest.rs"]
mod guest;
#[path = "../../plugin/src/ticks.rs"]
mod ticks;

use std::convert::Infallible;

use axum::extract::Path;
use axum::http::header::{HeaderName, X_CONTENT_TYPE_OPTIONS};
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_core::Stream;
use serde_json::{Value, json};

use guest::{Greeting, Guest};

const HEADERS: [(HeaderName, &str); 2] =
    [(HeaderName::from_static("x-request-id"), "00000000-0000000000000000"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];

type WithHeaders<T> = ([(HeaderName, &'static str); 2], Json<T>);

async fn hello() -> Json<Value> {
    Json(json!({ "message": "Hello from plugin!" }))
}

async fn hello_with_headers() -> WithHeaders<Value> {
    (HEADERS, hello().await)
}

async fn greet(Path(name): Path<String>, Json(guest): Json<Guest>) -> Json<Greeting> {
    Json(guest::greet(&name, &guest))
}

async fn greet_with_headers(Path(name): Path<String>, Json(guest): Json<Guest>) -> WithHeaders<Greeting> {
    (HEADERS, Json(guest::greet(&name, &guest)))
}

async fn ticks() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(ticks::ticks(|number| Ok(Event::default().data(number.to_string()))))
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let port: u16 = arguments.get(1).and_then(|port| port.parse().ok()).expect("the first argument is a port");
    let (hello, greet) = match arguments.get(2).map(String::as_str) {
        Some("same-headers") => (get(hello_with_headers), post(greet_with_headers)),
        _ => (get(hello), post(greet)),
    };
    let router = Router::new()
        .route("/api/plugin-endpoints/hello/hello", hello)
        .route("/api/plugin-endpoints/measured/hello/{name}", greet)
        .route("/api/plugin-endpoints/measured/ticks", get(ticks));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, router).await
}
