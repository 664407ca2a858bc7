//! Plugins: list, install, life cycle, logs, indexes.

use axum::extract::DefaultBodyLimit;
use host_api as api;
use host_call::MinLevel;
use host_core::Role::{Operator, Viewer};

use super::{DELETE, GET, POST};
use crate::api::{available, graph, logs, plugins, series, source, upload};
use crate::guard::table::{RequiredAccess, RouteRow, RouteTable};
use crate::wire::moment::AtQuery;

/// Space for the form around an uploaded archive.
const MAX_FORM_BYTES: usize = 64 * 1024;

pub(super) fn add(t: &mut RouteTable, max_upload_bytes: u64) {
    let upload_bytes = usize::try_from(max_upload_bytes).unwrap_or(usize::MAX).saturating_add(MAX_FORM_BYTES);
    t.any_token("plugin_list", GET, "/api/plugins", plugins::list)
        .summary("Lists the installed plugins; with `at`, their desired state at that time.")
        .query::<AtQuery>()
        .list_query()
        .response::<api::PluginList>(200)
        .response::<api::PastPlugins>(200);
    t.role(Viewer, "plugin_get", GET, "/api/plugins/{id}", plugins::get)
        .summary("Returns a plugin; with `at`, its desired state at that time.")
        .query::<AtQuery>()
        .response::<api::Plugin>(200)
        .response::<api::PastPlugin>(200);
    t.role(Viewer, "plugin_status", GET, "/api/plugins/{id}/status", plugins::status)
        .summary("Returns the state of a plugin, for older clients.")
        .response::<api::StatusResponse>(200);
    t.role(Viewer, "plugin_series", GET, "/api/plugins/{id}/metrics/series", series::get)
        .summary("Returns the requests, errors and response times of a plugin in the last 15 minutes, in steps of 10 seconds.")
        .response::<api::PluginSeries>(200);
    t.role(Operator, "plugin_source", GET, "/api/plugins/{id}/source", source::download)
        .summary("Returns the files that a plugin was built from as a ZIP archive, for an upload to another host.")
        .response_content(
            200,
            "application/zip",
            serde_json::json!({ "type": "string", "contentMediaType": "application/zip" }),
        )
        .errors(&[409, 429, 507]);
    t.role(Viewer, "plugin_logs", GET, "/api/plugins/{id}/logs", logs::get)
        .summary("Returns the last log lines of a plugin as JSON, or streams its log as server-sent events.")
        .query::<logs::PluginLogQuery>()
        .allowed_values("level", &MinLevel::WORDS)
        .header("Last-Event-ID", "The `id` of the last received line; the stream continues after it.")
        .text_response(200, "text/event-stream")
        .errors(&[429])
        .response::<api::LogLines>(200);
    t.role(Viewer, "graph", GET, "/api/plugins/graph", graph::graph)
        .summary("Plugin dependency graph as JSON, DOT, Mermaid or an SVG picture.")
        .query::<graph::GraphQuery>()
        .allowed_values("format", &["json", "dot", "mermaid", "svg"])
        .response::<api::Graph>(200)
        .text_response(200, "text/vnd.graphviz")
        .text_response(200, "image/svg+xml")
        .text_response(200, "text/plain");
    t.role(Operator, "plugin_load", POST, "/api/plugins/load", plugins::load)
        .summary("Installs a plugin from a source: fetches, checks, builds, loads and starts it.")
        .body::<api::LoadRequest>()
        .runs_job();
    let upload = RouteRow {
        method: POST,
        path: "/api/plugins/upload",
        access: RequiredAccess::Role(Operator),
        action: "plugin_upload",
    };
    t.route(upload, upload::upload, |route| route.layer(DefaultBodyLimit::max(upload_bytes)))
        .summary(
            "Receives a plugin as a ZIP archive and checks it; an invalid plugin.yaml is reported in a 200 response.",
        )
        .body_content(true, &[("multipart/form-data", upload::form())])
        .response::<api::UploadResponse>(200)
        .errors(&[400, 408, 413, 422, 429, 507]);
    t.role(Operator, "plugin_install", POST, "/api/plugins/install/{upload}", plugins::install)
        .summary("Installs an uploaded plugin.")
        .path_parameter("upload", "The `upload_id` returned by the upload.")
        .optional_body::<plugins::InstallRequest>()
        .runs_job();
    t.role(Operator, "plugin_unload", DELETE, "/api/plugins/{id}", plugins::unload)
        .summary("Drains, stops and removes a plugin.")
        .query::<plugins::UnloadQuery>()
        .runs_job();
    t.role(Operator, "plugin_reload", POST, "/api/plugins/{id}/reload", plugins::reload)
        .summary("Rebuilds a plugin from its source and replaces the serving generation.")
        .runs_job();
    t.role(Operator, "plugin_enable", POST, "/api/plugins/{id}/enable", plugins::enable)
        .summary("Enables and starts a plugin.")
        .runs_job();
    t.role(Operator, "plugin_disable", POST, "/api/plugins/{id}/disable", plugins::disable)
        .summary("Disables a plugin: stops it until it is enabled. It cannot be restarted or updated before.")
        .query::<plugins::DisableQuery>()
        .runs_job();
    t.role(Operator, "plugin_start", POST, "/api/plugins/{id}/start", plugins::start)
        .summary("Starts a stopped plugin.")
        .runs_job();
    t.role(Operator, "plugin_stop", POST, "/api/plugins/{id}/stop", plugins::stop)
        .summary("Stops a plugin until it is started. It stays enabled: plugins that depend on it keep running.")
        .runs_job();
    t.role(Operator, "plugin_restart", POST, "/api/plugins/{id}/restart", plugins::restart)
        .summary("Restarts the installed version of a plugin in a new generation, without fetching or building it.")
        .runs_job();
    t.role(Operator, "plugin_rollback", POST, "/api/plugins/{id}/rollback", plugins::rollback)
        .summary("Restores an earlier version of a plugin.")
        .optional_body::<plugins::RollbackRequest>()
        .runs_job();
    t.role(Viewer, "available_list", GET, "/api/plugins/available", available::list)
        .summary("Lists the plugins in the configured indexes.")
        .query::<available::AvailableQuery>()
        .response_list::<api::Available>(200);
    t.role(Viewer, "index_list", GET, "/api/plugins/indexes", available::indexes)
        .summary("Lists the configured indexes with their state and ignored entries.")
        .query::<available::IndexListQuery>()
        .response::<api::IndexList>(200);
    t.role(Operator, "plugin_validate", POST, "/api/plugins/validate", available::validate)
        .summary("Fetches and checks a source without installing it.")
        .body::<api::ValidateRequest>()
        .response::<api::ValidationReport>(200)
        .errors(&[400, 403, 404, 409, 413, 422, 503, 504, 507]);
}
