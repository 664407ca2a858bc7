//! Every route of the management API, on one page.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, post, put};
use host_run::Host;
use http::StatusCode;

use crate::cors::Cors;
use crate::problem::Refused;
use crate::request_id::RequestIds;
use crate::token::OperatorToken;
use crate::{batch, configuration, events, graph, jobs, plan, plugins, revisions, system, updates, upload};

/// The most that a JSON body of the management API may have.
pub(crate) const MAX_JSON_BYTES: usize = 1024 * 1024;

/// What the surfaces share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Front {
    pub(crate) host: Host,
    pub(crate) token: Arc<OperatorToken>,
    pub(crate) cors: Arc<Cors>,
    pub(crate) request_ids: Arc<RequestIds>,
    pub(crate) ready: Arc<AtomicBool>,
    pub(crate) uploads: Arc<upload::Uploads>,
}

pub(crate) fn router(front: Front) -> Router {
    // The archive, and what a form puts around it.
    let upload_bytes = usize::try_from(front.uploads.max_bytes).unwrap_or(usize::MAX).saturating_add(64 * 1024);
    let plugins = Router::new()
        .route("/", get(plugins::list))
        .route("/load", post(plugins::load))
        .route("/upload", post(upload::upload).layer(DefaultBodyLimit::max(upload_bytes)))
        .route("/install/{upload}", post(plugins::install))
        .route("/github/install", post(updates::install))
        .route("/github/update", post(updates::update_all))
        .route("/graph", get(graph::graph))
        .route("/revisions", get(revisions::list_all))
        .route("/plan", post(plan::plan))
        .route("/apply", post(plan::apply))
        .route("/export", get(plan::export))
        .route("/batch", post(batch::batch))
        .route("/health/summary", get(system::health_summary))
        .route("/system/metrics", get(system::system_metrics))
        .route("/{id}", get(plugins::get).merge(delete(plugins::unload)))
        .route("/{id}/status", get(plugins::status))
        .route("/{id}/logs", get(plugins::logs))
        .route("/{id}/config", get(configuration::get).put(configuration::put).patch(configuration::patch))
        .route("/{id}/reload", post(plugins::reload))
        .route("/{id}/enable", post(plugins::enable))
        .route("/{id}/disable", post(plugins::disable))
        .route("/{id}/start", post(plugins::start))
        .route("/{id}/stop", post(plugins::stop))
        .route("/{id}/restart", post(plugins::restart))
        .route("/{id}/rollback", post(plugins::rollback))
        .route("/{id}/revisions", get(revisions::list))
        .route("/{id}/revisions/{number}", get(revisions::get))
        .route("/{id}/revisions/{number}/diff", get(revisions::diff))
        .route("/{id}/revisions/{number}/restore", post(revisions::restore))
        .route("/{id}/updates", get(updates::get))
        .route("/{id}/update", post(updates::update))
        .route("/{id}/update-policy", put(updates::put_rule))
        .route("/{id}/blocked/{version}", put(updates::block).merge(delete(updates::unblock)));
    Router::new()
        .nest("/api/plugins", plugins)
        .route("/api/events", get(events::get))
        .route("/api/jobs", get(jobs::list))
        .route("/api/jobs/{id}", get(jobs::get).merge(delete(jobs::cancel)))
        .route("/api/jobs/{id}/cancel", post(jobs::cancel))
        .route("/api/jobs/{id}/retry", post(jobs::retry))
        .route("/api/jobs/{id}/log", get(jobs::log))
        .route("/health", get(system::ready))
        .route("/health/live", get(system::live))
        .route("/health/ready", get(system::ready))
        .route("/metrics", get(system::metrics))
        .fallback(unknown)
        .method_not_allowed_fallback(method)
        .layer(DefaultBodyLimit::max(MAX_JSON_BYTES))
        .with_state(front)
}

async fn unknown() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "route_unknown", "the host has no such route")
}

async fn method() -> Refused {
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, "route_method", "the route does not take this method")
}
