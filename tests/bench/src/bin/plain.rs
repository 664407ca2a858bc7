//! The handlers that are measured, compiled into axum: what the host is compared with.
//!
//! `plain <port> [same-headers|usual-layers]` listens on loopback. With `same-headers` an answer carries the headers that
//! the host adds, the request id with a constant of the same length, so that both write as many bytes. With
//! `usual-layers` the same is done as by services in use: request ids, a trace span, metrics for Prometheus, a timeout,
//! and panics that become a response.

#[path = "../../plugin/src/guest.rs"]
mod guest;
#[path = "../../plugin/src/ticks.rs"]
mod ticks;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_core::Stream;
use prometheus::{HistogramVec, IntCounterVec, Registry};
use serde_json::{Value, json};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;
use tower_http::trace::TraceLayer;

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

struct Metrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
}

impl Metrics {
    fn new() -> prometheus::Result<Metrics> {
        let registry = Registry::new();
        let labels = ["method", "path", "status"];
        let requests = IntCounterVec::new(prometheus::opts!("http_requests_total", "Requests."), &labels)?;
        let seconds = HistogramVec::new(prometheus::histogram_opts!("http_request_seconds", "Durations."), &labels)?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Metrics { requests, seconds })
    }
}

async fn measured(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let status = response.status();
    let labels = [method.as_str(), path.as_ref().map_or("", MatchedPath::as_str), status.as_str()];
    metrics.requests.with_label_values(&labels).inc();
    metrics.seconds.with_label_values(&labels).observe(begun.elapsed().as_secs_f64());
    response
}

fn with_usual_layers(router: Router) -> prometheus::Result<Router> {
    let metrics = Arc::new(Metrics::new()?);
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(TraceLayer::new_for_http())
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetResponseHeaderLayer::overriding(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")))
        .layer(middleware::from_fn_with_state(metrics, measured))
        .layer(CatchPanicLayer::new())
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, Duration::from_secs(30)));
    Ok(router.layer(layers))
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
    let has_layers = arguments.get(2).is_some_and(|kind| kind == "usual-layers");
    let router = if has_layers { with_usual_layers(router).map_err(std::io::Error::other)? } else { router };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, router).await
}
