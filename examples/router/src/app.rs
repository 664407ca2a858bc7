//! A plain axum service that does not refer to the SDK.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};

type Names = Arc<Mutex<BTreeSet<String>>>;

pub(crate) fn router() -> Router {
    Router::new()
        .route("/hello/{name}", get(hello).delete(forget))
        .route("/names", get(names))
        .route("/unlisted", get(|| async { "plugin.yaml does not know me" }))
        .with_state(Names::default())
}

async fn hello(State(names): State<Names>, Path(name): Path<String>) -> String {
    let greeting = format!("Hello, {name}!");
    names.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    greeting
}

async fn forget(State(names): State<Names>, Path(name): Path<String>) -> StatusCode {
    match names.lock().unwrap_or_else(PoisonError::into_inner).remove(&name) {
        true => StatusCode::NO_CONTENT,
        false => StatusCode::NOT_FOUND,
    }
}

async fn names(State(names): State<Names>) -> Json<BTreeSet<String>> {
    Json(names.lock().unwrap_or_else(PoisonError::into_inner).clone())
}
