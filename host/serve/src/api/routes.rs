//! All routes of the management API, in one table per topic.

mod access;
mod history;
mod host;
mod jobs;
mod legacy;
mod plans;
mod plugins;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::{Extension, Router};
use http::{Method, StatusCode};
use serde_json::json;

use crate::api::openapi::HostDocument;
use crate::guard::table::Table;
use crate::state::Front;
use crate::wire::input::MAX_JSON_BYTES;
use crate::wire::problem::Refused;

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

const IF_MATCH: &str = "The `ETag` on which the change is based; the request fails if the current one differs.";

pub(crate) fn router(front: Front) -> Router {
    let table = table(front.clone());
    let document = Arc::new(HostDocument::of(&table));
    let (router, _) = table.finish();
    router
        .layer(Extension(document))
        .fallback(unknown)
        .method_not_allowed_fallback(method)
        .layer(DefaultBodyLimit::max(MAX_JSON_BYTES))
        .with_state(front)
}

/// The table of all routes. Each row is followed by its documentation, see [`crate::guard::doc::Doc`].
pub(crate) fn table(front: Front) -> Table {
    let max_upload_bytes = front.uploads.max_bytes;
    let mut table = Table::new(front);
    plugins::add(&mut table, max_upload_bytes);
    history::add(&mut table);
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

async fn unknown() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "route_unknown", "this host has no such route")
        .fix("`/docs` lists the routes of this host")
}

async fn method() -> Refused {
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, "route_method", "this route does not support the request method")
        .fix("use one of the methods in the `Allow` header")
}
