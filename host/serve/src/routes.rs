//! All routes of the management API, in one table per topic.

mod access;
mod history;
mod host;
mod jobs;
mod legacy;
mod plans;
mod plugins;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::extract::DefaultBodyLimit;
use axum::{Extension, Router};
use host_run::Host;
use http::{Method, StatusCode};
use serde_json::json;
use tokio_util::task::TaskTracker;

use crate::access::Access;
use crate::openapi::HostDocument;
use crate::problem::Refused;
use crate::request_id::RequestIds;
use crate::rules::Live;
use crate::settings::Settings;
use crate::streams::Streams;
use crate::table::Table;
use crate::{idempotency, upload};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// Largest JSON body of the management API.
pub(crate) const MAX_JSON_BYTES: usize = 1024 * 1024;

const IF_MATCH: &str = "The `ETag` on which the change is based; the request fails if the current one differs.";

/// What the surfaces share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) host: Host,
    pub(crate) access: Arc<Access>,
    pub(crate) rules: Arc<Live>,
    pub(crate) streams: Arc<Streams>,
    pub(crate) request_ids: Arc<RequestIds>,
    pub(crate) ready: Arc<AtomicBool>,
    pub(crate) uploads: Arc<upload::Uploads>,
    /// What goes on when its client is gone.
    pub(crate) tasks: TaskTracker,
    /// Requests that name themselves, one at a time for each name.
    pub(crate) named: Arc<idempotency::Turns>,
    /// `None` where the settings are those of a command line.
    pub(crate) settings: Option<Arc<dyn Settings>>,
}

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

/// The table of all routes. Each row is followed by its documentation, see [`crate::doc::Doc`].
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
