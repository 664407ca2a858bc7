//! All routes of the management API, in one table per topic.

mod access;
mod history;
mod host;
mod jobs;
mod kv;
mod legacy;
mod plans;
mod plugins;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::{Extension, Router};
use http::{Method, StatusCode};
use serde_json::json;

use crate::api::openapi::HostDocument;
use crate::guard::table::RouteTable;
use crate::state::AppState;
use crate::wire::input::MAX_JSON_BYTES;
use crate::wire::problem::ApiError;

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

const IF_MATCH: &str = "The `ETag` on which the change is based; the request fails if the current one differs.";

pub(crate) fn router(app: AppState) -> Router {
    let table = table(app.clone());
    let document = Arc::new(HostDocument::new(&table));
    let (router, _) = table.finish();
    router
        .layer(Extension(document))
        .fallback(async || ApiError::unknown_route())
        .method_not_allowed_fallback(method)
        .layer(DefaultBodyLimit::max(MAX_JSON_BYTES))
        .with_state(app)
}

/// The table of all routes. Each row is followed by its documentation, see [`crate::guard::doc::RouteDoc`].
pub(crate) fn table(app: AppState) -> RouteTable {
    let max_upload_bytes = app.uploads.max_bytes;
    let mut table = RouteTable::new(app);
    plugins::add(&mut table, max_upload_bytes);
    history::add(&mut table);
    kv::add(&mut table);
    plans::add(&mut table);
    jobs::add(&mut table);
    access::add(&mut table);
    host::add(&mut table);
    legacy::add(&mut table);
    table
}

/// The schema of any JSON object.
fn object() -> serde_json::Value {
    json!({ "type": "object" })
}

async fn method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "route_method", "this route does not support the request method")
        .fix("use one of the methods in the `Allow` header")
}
