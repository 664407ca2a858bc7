//! Every route of the management API, on one page.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use host_core::Role::{Operator, Viewer};
use host_run::Host;
use http::{Method, StatusCode};

use crate::cors::Cors;
use crate::problem::Refused;
use crate::request_id::RequestIds;
use crate::table::{Need, Row, Table};
use crate::token::OperatorToken;
use crate::{batch, configuration, events, graph, jobs, logs, plan, plugins, revisions, system, updates, upload};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

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
    let (router, _) = table(front.clone()).finish();
    router
        .fallback(unknown)
        .method_not_allowed_fallback(method)
        .layer(DefaultBodyLimit::max(MAX_JSON_BYTES))
        .with_state(front)
}

/// All routes, in the order in which they are documented.
fn table(front: Front) -> Table {
    // The archive, and what a form puts around it.
    let upload_bytes = usize::try_from(front.uploads.max_bytes).unwrap_or(usize::MAX).saturating_add(64 * 1024);
    let mut t = Table::new(front);

    t.add(Viewer, "plugin_list", GET, "/api/plugins", plugins::list);
    t.add(Viewer, "plugin_get", GET, "/api/plugins/{id}", plugins::get);
    t.add(Viewer, "plugin_status", GET, "/api/plugins/{id}/status", plugins::status);
    t.add(Viewer, "plugin_logs", GET, "/api/plugins/{id}/logs", logs::get);
    t.add(Viewer, "graph", GET, "/api/plugins/graph", graph::graph);

    t.add(Operator, "plugin_load", POST, "/api/plugins/load", plugins::load);
    let upload = Row { method: POST, path: "/api/plugins/upload", need: Need::Role(Operator), action: "plugin_upload" };
    t.route(upload, upload::upload, |route| route.layer(DefaultBodyLimit::max(upload_bytes)));
    t.add(Operator, "plugin_install", POST, "/api/plugins/install/{upload}", plugins::install);
    t.add(Operator, "plugin_unload", DELETE, "/api/plugins/{id}", plugins::unload);
    t.add(Operator, "plugin_reload", POST, "/api/plugins/{id}/reload", plugins::reload);
    t.add(Operator, "plugin_enable", POST, "/api/plugins/{id}/enable", plugins::enable);
    t.add(Operator, "plugin_disable", POST, "/api/plugins/{id}/disable", plugins::disable);
    t.add(Operator, "plugin_start", POST, "/api/plugins/{id}/start", plugins::start);
    t.add(Operator, "plugin_stop", POST, "/api/plugins/{id}/stop", plugins::stop);
    t.add(Operator, "plugin_restart", POST, "/api/plugins/{id}/restart", plugins::restart);
    t.add(Operator, "plugin_rollback", POST, "/api/plugins/{id}/rollback", plugins::rollback);

    t.add(Viewer, "config_get", GET, "/api/plugins/{id}/config", configuration::get);
    t.add(Operator, "config_put", PUT, "/api/plugins/{id}/config", configuration::put);
    t.add(Operator, "config_patch", PATCH, "/api/plugins/{id}/config", configuration::patch);

    t.add(Viewer, "revision_list_all", GET, "/api/plugins/revisions", revisions::list_all);
    t.add(Viewer, "revision_list", GET, "/api/plugins/{id}/revisions", revisions::list);
    t.add(Viewer, "revision_get", GET, "/api/plugins/{id}/revisions/{number}", revisions::get);
    t.add(Viewer, "revision_diff", GET, "/api/plugins/{id}/revisions/{number}/diff", revisions::diff);
    t.add(Operator, "revision_restore", POST, "/api/plugins/{id}/revisions/{number}/restore", revisions::restore);

    t.add(Viewer, "update_get", GET, "/api/plugins/{id}/updates", updates::get);
    t.add(Operator, "update_take", POST, "/api/plugins/{id}/update", updates::update);
    t.add(Operator, "update_policy_put", PUT, "/api/plugins/{id}/update-policy", updates::put_rule);
    t.add(Operator, "version_block", PUT, "/api/plugins/{id}/blocked/{version}", updates::block);
    t.add(Operator, "version_unblock", DELETE, "/api/plugins/{id}/blocked/{version}", updates::unblock);
    t.add(Operator, "github_install", POST, "/api/plugins/github/install", updates::install);
    t.add(Operator, "github_update", POST, "/api/plugins/github/update", updates::update_all);

    t.add(Operator, "plan_make", POST, "/api/plugins/plan", plan::plan);
    t.add(Operator, "plan_apply", POST, "/api/plugins/apply", plan::apply);
    t.add(Viewer, "plan_export", GET, "/api/plugins/export", plan::export);
    t.add(Operator, "batch", POST, "/api/plugins/batch", batch::batch);

    t.add(Viewer, "event_list", GET, "/api/events", events::get);
    t.add(Viewer, "job_list", GET, "/api/jobs", jobs::list);
    t.add(Viewer, "job_get", GET, "/api/jobs/{id}", jobs::get);
    t.add(Viewer, "job_log", GET, "/api/jobs/{id}/log", jobs::log);
    t.add(Operator, "job_cancel", DELETE, "/api/jobs/{id}", jobs::cancel);
    t.add(Operator, "job_cancel_post", POST, "/api/jobs/{id}/cancel", jobs::cancel);
    t.add(Operator, "job_retry", POST, "/api/jobs/{id}/retry", jobs::retry);

    t.add(Viewer, "health_summary", GET, "/api/plugins/health/summary", system::health_summary);
    t.add(Viewer, "system_metrics", GET, "/api/plugins/system/metrics", system::system_metrics);
    t.open("health", GET, "/health", system::ready);
    t.open("health_live", GET, "/health/live", system::live);
    t.open("health_ready", GET, "/health/ready", system::ready);
    t.open("metrics", GET, "/metrics", system::metrics);
    t
}

async fn unknown() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "route_unknown", "the host has no such route")
}

async fn method() -> Refused {
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, "route_method", "the route does not take this method")
}
