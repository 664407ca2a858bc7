//! Every route of the management API, on one page.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::extract::DefaultBodyLimit;
use axum::{Extension, Router};
use host_api as api;
use host_core::Role::{Admin, Operator, Viewer};
use host_run::{Host, JobState, MinLevel};
use http::{Method, StatusCode};
use serde_json::json;
use tokio_util::task::TaskTracker;

use crate::access::Access;
use crate::moment::At;
use crate::openapi::HostDocument;
use crate::problem::Refused;
use crate::request_id::RequestIds;
use crate::rules::Live;
use crate::settings::Settings;
use crate::streams::Streams;
use crate::table::{Need, Row, Table};
use crate::{
    audit, available, batch, cache, configuration, docs, events, graph, idempotency, jobs, local, login, logs, openapi,
    plan,
};
use crate::{plugins, revisions, settings, system, tokens, updates, upload, users};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// The most that a JSON body of the management API may have.
pub(crate) const MAX_JSON_BYTES: usize = 1024 * 1024;

/// The most that a stranger may have the host keep: a name and a password, each character as an escape.
const MAX_LOGIN_BYTES: usize = 16 * 1024;

const IF_MATCH: &str = "The `ETag` that the change is made from; another one refuses it.";

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

/// All routes, in the order in which they are documented. What is said of each stands behind it: see [`crate::doc::Doc`].
pub(crate) fn table(front: Front) -> Table {
    // The archive, and what a form puts around it.
    let upload_bytes = usize::try_from(front.uploads.max_bytes).unwrap_or(usize::MAX).saturating_add(64 * 1024);
    let mut t = Table::new(front);

    t.known("plugin_list", GET, "/api/plugins", plugins::list)
        .says("What is installed; with `at`, what was asked for then.")
        .query::<At>()
        .lists()
        .gives::<api::PluginList>(200)
        .gives::<api::AskedPlugins>(200);
    t.add(Viewer, "plugin_get", GET, "/api/plugins/{id}", plugins::get)
        .says("One plugin; with `at`, what was asked for of it then.")
        .query::<At>()
        .gives::<api::Plugin>(200)
        .gives::<api::AskedPlugin>(200);
    t.add(Viewer, "plugin_status", GET, "/api/plugins/{id}/status", plugins::status)
        .says("The state of a plugin, in the words of older clients.")
        .gives::<api::StatusAnswer>(200);
    t.add(Viewer, "plugin_logs", GET, "/api/plugins/{id}/logs", logs::get)
        .says("The last log lines of a plugin, as JSON or as server-sent events that go on.")
        .query::<logs::LogQuery>()
        .one_of("level", &MinLevel::WORDS)
        .header("Last-Event-ID", "The `id` of the last line that the reader has: the stream goes on behind it.")
        .writes(200, "text/event-stream")
        .fails(&[429])
        .gives::<api::LogLines>(200);
    t.add(Viewer, "graph", GET, "/api/plugins/graph", graph::graph)
        .says("Who needs whom, as JSON, or for programs that draw.")
        .query::<graph::Form>()
        .one_of("format", &["json", "dot", "mermaid"])
        .gives::<api::Graph>(200)
        .writes(200, "text/vnd.graphviz")
        .writes(200, "text/plain");

    t.add(Operator, "plugin_load", POST, "/api/plugins/load", plugins::load)
        .says("Fetches, checks, builds, loads and starts a plugin.")
        .body::<api::LoadRequest>()
        .operates();
    let upload = Row { method: POST, path: "/api/plugins/upload", need: Need::Role(Operator), action: "plugin_upload" };
    t.route(upload, upload::upload, |route| route.layer(DefaultBodyLimit::max(upload_bytes)))
        .says("Receives a plugin as a ZIP and checks its plugin.yaml; one that is not valid is answered with 200, too.")
        .body_of(true, &[("multipart/form-data", upload::form())])
        .gives::<api::UploadAnswer>(200)
        .fails(&[400, 408, 413, 422, 429, 507]);
    t.add(Operator, "plugin_install", POST, "/api/plugins/install/{upload}", plugins::install)
        .says("Installs what was uploaded.")
        .part("upload", "The `upload_id` that the upload gave.")
        .may_have::<plugins::InstallRequest>()
        .operates();
    t.add(Operator, "plugin_unload", DELETE, "/api/plugins/{id}", plugins::unload)
        .says("Drains, stops and removes a plugin.")
        .query::<plugins::Keep>()
        .operates();
    t.add(Operator, "plugin_reload", POST, "/api/plugins/{id}/reload", plugins::reload)
        .says("Builds the plugin's source again and swaps it in.")
        .operates();
    t.add(Operator, "plugin_enable", POST, "/api/plugins/{id}/enable", plugins::enable)
        .says("Enables and starts a plugin.")
        .operates();
    t.add(Operator, "plugin_disable", POST, "/api/plugins/{id}/disable", plugins::disable)
        .says("Takes a plugin out of service until it is enabled.")
        .query::<plugins::Cascade>()
        .operates();
    t.add(Operator, "plugin_start", POST, "/api/plugins/{id}/start", plugins::start)
        .says("Starts a plugin that was stopped.")
        .operates();
    t.add(Operator, "plugin_stop", POST, "/api/plugins/{id}/stop", plugins::stop)
        .says("Stops a plugin, which stays enabled.")
        .operates();
    t.add(Operator, "plugin_restart", POST, "/api/plugins/{id}/restart", plugins::restart)
        .says("Starts a fresh generation of what is installed.")
        .operates();
    t.add(Operator, "plugin_rollback", POST, "/api/plugins/{id}/rollback", plugins::rollback)
        .says("Goes back to an earlier version that was kept.")
        .may_have::<plugins::RollbackRequest>()
        .operates();

    t.add(Viewer, "config_get", GET, "/api/plugins/{id}/config", configuration::get)
        .says("A plugin's configuration by layers, with secrets masked.")
        .gives::<api::Configuration>(200)
        .with(200, "ETag", "For `If-Match`.");
    t.add(Operator, "config_put", PUT, "/api/plugins/{id}/config", configuration::put)
        .says("Replaces what the operator has set.")
        .header("If-Match", IF_MATCH)
        .body_of(true, &[("application/json", object())])
        .fails(&[400, 413, 415])
        .operates();
    t.add(Operator, "config_patch", PATCH, "/api/plugins/{id}/config", configuration::patch)
        .says("Merges into what the operator has set (RFC 7396): null takes back what was set.")
        .header("If-Match", IF_MATCH)
        .body_of(true, &[("application/json", object()), ("application/merge-patch+json", object())])
        .fails(&[400, 413, 415])
        .operates();

    t.add(Viewer, "revision_list_all", GET, "/api/plugins/revisions", revisions::list_all)
        .says("What was asked for, newest first.")
        .query::<revisions::Part>()
        .gives::<api::RevisionList>(200);
    t.add(Viewer, "revision_list", GET, "/api/plugins/{id}/revisions", revisions::list)
        .says("What was asked for of a plugin, newest first.")
        .query::<revisions::Part>()
        .gives::<api::RevisionList>(200);
    t.add(Viewer, "revision_get", GET, "/api/plugins/{id}/revisions/{number}", revisions::get)
        .says("One revision, with all that was asked for.")
        .part("number", "The revision.")
        .gives::<api::Revision>(200);
    t.add(Viewer, "revision_diff", GET, "/api/plugins/{id}/revisions/{number}/diff", revisions::diff)
        .says("What is different between two revisions.")
        .part("number", "The revision.")
        .query::<revisions::With>()
        .gives::<api::RevisionDiff>(200);
    t.add(Operator, "revision_restore", POST, "/api/plugins/{id}/revisions/{number}/restore", revisions::restore)
        .says("Asks for a revision again.")
        .part("number", "The revision.")
        .operates();

    t.add(Viewer, "update_get", GET, "/api/plugins/{id}/updates", updates::get)
        .says("Newer versions, and why they are not taken.")
        .query::<updates::Check>()
        .gives::<api::Updates>(200)
        .fails(&[403, 409, 422, 503, 504, 507]);
    t.add(Operator, "update_take", POST, "/api/plugins/{id}/update", updates::update)
        .says("Takes the version that is named, or the newest that the policy allows.")
        .may_have::<api::UpdateRequest>()
        .operates();
    t.add(Operator, "update_policy_put", PUT, "/api/plugins/{id}/update-policy", updates::put_rule)
        .says("Replaces what newer versions are taken.")
        .body::<api::UpdateRuleRequest>()
        .operates();
    t.add(Operator, "version_block", PUT, "/api/plugins/{id}/blocked/{version}", updates::block)
        .says("Keeps updates from choosing a version.")
        .part("version", "For example `1.2.0`.")
        .operates();
    t.add(Operator, "version_unblock", DELETE, "/api/plugins/{id}/blocked/{version}", updates::unblock)
        .says("Lets updates choose a version again.")
        .part("version", "For example `1.2.0`.")
        .operates();
    t.add(Operator, "github_install", POST, "/api/plugins/github/install", updates::install)
        .says("Loads a repository's newest version, for older clients.")
        .body::<api::GithubInstall>()
        .operates_giving::<api::GithubInstalled>();
    t.add(Operator, "github_update", POST, "/api/plugins/github/update", updates::update_all)
        .says("Updates the plugins of a repository, for older clients.")
        .body::<api::GithubUpdate>()
        .operates_giving::<api::GithubUpdated>();

    t.add(Operator, "local_load", POST, "/api/plugins/local/load", local::load)
        .says("Loads a folder or file of the host's machine, for older clients.")
        .body::<api::LocalLoad>()
        .operates();
    t.add(Operator, "local_unload", POST, "/api/plugins/local/unload", local::unload)
        .says("Unloads a plugin, for older clients.")
        .body::<api::LocalUnload>()
        .operates();
    t.add(Viewer, "local_list", GET, "/api/plugins/local/list", local::list)
        .says("The plugins that came from folders and files.")
        .lists()
        .gives::<api::PluginList>(200);
    t.add(Operator, "local_build", GET, "/api/plugins/local/build", local::build)
        .says("Builds a folder and loads nothing.")
        .query::<local::BuildQuery>()
        .gives::<api::Validated>(200)
        .fails(&[403, 409, 413, 422, 503, 504, 507]);

    t.add(Viewer, "available_list", GET, "/api/plugins/available", available::list)
        .says("What the configured indexes list.")
        .query::<available::AvailableQuery>()
        .gives_list::<api::Available>(200);
    t.add(Viewer, "index_list", GET, "/api/plugins/indexes", available::indexes)
        .says("The configured indexes, and what was wrong with them.")
        .query::<available::Refresh>()
        .gives::<api::IndexList>(200);
    t.add(Operator, "plugin_validate", POST, "/api/plugins/validate", available::validate)
        .says("Fetches a source and checks it; installs nothing.")
        .body::<api::ValidateRequest>()
        .gives::<api::Validated>(200)
        .fails(&[400, 403, 404, 409, 413, 422, 503, 504, 507]);

    t.add(Operator, "plan_make", POST, "/api/plugins/plan", plan::plan)
        .says("What applying a plugins.yaml would change.")
        .body_of(true, &[("application/yaml", object()), ("application/json", object())])
        .gives::<api::Plan>(200)
        .fails(&[400, 409, 413, 415, 422, 503, 504, 507]);
    t.add(Operator, "plan_apply", POST, "/api/plugins/apply", plan::apply)
        .says("Applies a plan as one job, unless anything has changed since it was made.")
        .body::<api::ApplyRequest>()
        .operates();
    t.add(Viewer, "plan_export", GET, "/api/plugins/export", plan::export)
        .says("The present state as a plugins.yaml.")
        .answers(200, "application/yaml", object());
    t.add(Operator, "batch", POST, "/api/plugins/batch", batch::batch)
        .says("Several operations as one job.")
        .body::<api::BatchRequest>()
        .operates();

    t.add(Viewer, "event_list", GET, "/api/events", events::get)
        .says("What happens, as server-sent events; with `Accept: application/json` a part of the journal.")
        .query::<events::EventQuery>()
        .header("Last-Event-ID", "The `id` of the last event that the reader has: the stream goes on behind it.")
        .writes(200, "text/event-stream")
        .gives::<api::EventPage>(200)
        .fails(&[429]);
    t.add(Viewer, "job_list", GET, "/api/jobs", jobs::list)
        .says("Operations under way and ended, newest first.")
        .query::<jobs::ListQuery>()
        .one_of("state", &JobState::ALL.map(JobState::as_str))
        .gives::<api::JobList>(200);
    t.known("job_get", GET, "/api/jobs/{id}", jobs::get).says("One job.").gives::<api::Job>(200);
    t.known("job_log", GET, "/api/jobs/{id}/log", jobs::log)
        .says("What the compiler wrote, as text or as server-sent events.")
        .query::<jobs::LogQuery>()
        .header("Last-Event-ID", "The `id` of the last line that the reader has: the stream goes on behind it.")
        .writes(200, "text/plain")
        .writes(200, "text/event-stream");
    t.known("job_cancel", DELETE, "/api/jobs/{id}", jobs::cancel)
        .says("Ends an operation; what served before still serves.")
        .gives::<api::Job>(200)
        .fails(&[409]);
    t.known("job_cancel_post", POST, "/api/jobs/{id}/cancel", jobs::cancel)
        .says("The same, for clients that have no DELETE.")
        .gives::<api::Job>(200)
        .fails(&[409]);
    t.add(Operator, "job_retry", POST, "/api/jobs/{id}/retry", jobs::retry)
        .says("Asks once more for what failed or was ended.")
        .operates();

    let login = Row { method: POST, path: "/login", need: Need::Nothing, action: "login" };
    t.route(login, login::login, |route| route.layer(DefaultBodyLimit::max(MAX_LOGIN_BYTES)))
        .says("A session for a user's password.")
        .body::<api::LoginRequest>()
        .gives::<api::Login>(200)
        .fails(&[401, 403, 429, 503, 507]);
    t.known("logout", POST, "/api/logout", login::logout)
        .says("Ends the session whose token is sent.")
        .empty(204)
        .fails(&[409, 503, 507]);
    t.known("me", GET, "/api/me", login::me).says("Who sends this token, and what they may do.").gives::<api::Me>(200);
    t.add(Admin, "token_list", GET, "/api/tokens", tokens::list)
        .says("All tokens, without their secrets.")
        .gives::<api::TokenList>(200);
    t.add(Admin, "token_create", POST, "/api/tokens", tokens::create)
        .says("Makes a token, which is told once.")
        .body::<api::NewToken>()
        .gives::<api::TokenMade>(201)
        .fails(&[409, 422, 503, 507]);
    t.add(Admin, "token_revoke", DELETE, "/api/tokens/{token}", tokens::revoke)
        .says("Takes a token back, at once.")
        .part("token", "The `id` that the list shows.")
        .empty(204)
        .fails(&[404, 409, 503, 507]);
    t.add(Admin, "user_list", GET, "/api/users", users::list).says("All users.").gives::<api::UserList>(200);
    t.add(Admin, "user_create", POST, "/api/users", users::create)
        .says("Adds somebody who has a password.")
        .body::<api::NewUser>()
        .gives::<api::User>(201)
        .fails(&[409, 422, 503, 507]);
    t.add(Admin, "user_get", GET, "/api/users/{name}", users::get)
        .says("One user.")
        .part("name", "The user's name.")
        .gives::<api::User>(200)
        .fails(&[404]);
    t.add(Admin, "user_change", PATCH, "/api/users/{name}", users::change)
        .says("Changes a user, and ends the sessions.")
        .part("name", "The user's name.")
        .body::<api::UserChange>()
        .gives::<api::User>(200)
        .fails(&[404, 409, 422, 503, 507]);
    t.add(Admin, "user_remove", DELETE, "/api/users/{name}", users::remove)
        .says("Removes a user, and ends the sessions.")
        .part("name", "The user's name.")
        .empty(204)
        .fails(&[404, 409, 503, 507]);
    t.add(Admin, "audit_list", GET, "/api/audit", audit::list)
        .says("Who asked for what, and what came of it.")
        .query::<audit::Query>()
        .gives::<api::AuditPage>(200);
    t.add(Admin, "audit_verify", GET, "/api/audit/verify", audit::verify)
        .says("Whether the audit log is whole.")
        .query::<audit::Noted>()
        .gives::<api::AuditReport>(200);

    t.add(Viewer, "health_summary", GET, "/api/plugins/health/summary", system::health_summary)
        .says("The health of all plugins.")
        .gives::<api::HealthSummary>(200);
    t.add(Admin, "settings_get", GET, "/api/plugins/system/configuration", settings::get)
        .says("The settings that are in use, and where they come from.")
        .gives::<api::SystemConfiguration>(200)
        .with(200, "ETag", "For `If-Match`.");
    t.add(Admin, "settings_put", PUT, "/api/plugins/system/configuration", settings::put)
        .says("Changes settings; takes the whole object back.")
        .header("If-Match", IF_MATCH)
        .body_of(true, &[("application/json", object())])
        .gives::<api::SystemConfiguration>(200)
        .fails(&[400, 409, 412, 413, 415, 422, 503, 507]);
    t.add(Viewer, "cache_get", GET, "/api/plugins/cache/info", cache::info)
        .says("What lies on disk.")
        .gives::<api::CacheInfo>(200);
    t.add(Operator, "cache_clear", DELETE, "/api/plugins/cache", cache::clear)
        .says("Removes what neither serves nor is needed for a rollback.")
        .gives::<api::CacheCleared>(200)
        .fails(&[503, 507]);
    t.add(Viewer, "isolation_get", GET, "/api/system/isolation", cache::isolation)
        .says("Where plugins run, and which layers this machine has.")
        .gives::<api::Isolation>(200);
    t.add(Viewer, "system_metrics", GET, "/api/plugins/system/metrics", system::system_metrics)
        .says("The host in numbers.")
        .gives::<api::SystemMetricsAnswer>(200);
    t.open("health", GET, "/health", system::ready)
        .says("Whether the host is ready.")
        .gives::<system::Readiness>(200)
        .gives::<system::Readiness>(503);
    t.open("health_live", GET, "/health/live", system::live)
        .says("Whether the host runs.")
        .gives::<system::Liveness>(200);
    t.open("health_ready", GET, "/health/ready", system::ready)
        .says("The same as `/health`.")
        .gives::<system::Readiness>(200)
        .gives::<system::Readiness>(503);
    t.open("metrics", GET, "/metrics", system::metrics)
        .says("The host and its plugins in numbers, for Prometheus.")
        .writes(200, "text/plain");

    t.add(Viewer, "openapi", GET, "/openapi.json", openapi::get)
        .says("This document: what the host serves, and what the plugins that serve now do.")
        .answers(200, "application/json", object());
    t.open("docs", GET, "/docs", docs::page)
        .says("This document to read and to try, as a page.")
        .writes(200, "text/html");
    t.open("docs_script", GET, "/docs/page.js", docs::script).says("The page's code.").writes(200, "text/javascript");
    t.open("docs_style", GET, "/docs/page.css", docs::style).says("The page's looks.").writes(200, "text/css");
    t.open("docs_errors", GET, "/docs/errors", docs::errors).says("What each `code` means.").writes(200, "text/html");
    t
}

/// A JSON object of any kind.
fn object() -> serde_json::Value {
    json!({ "type": "object" })
}

async fn unknown() -> Refused {
    Refused::new(StatusCode::NOT_FOUND, "route_unknown", "the host has no such route")
}

async fn method() -> Refused {
    Refused::new(StatusCode::METHOD_NOT_ALLOWED, "route_method", "the route does not take this method")
}
