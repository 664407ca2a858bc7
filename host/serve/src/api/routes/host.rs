//! The host: health, metrics, settings, caches and documentation.

use host_api as api;
use host_core::Role::{Admin, Operator, Viewer};

use super::{DELETE, GET, IF_MATCH, PUT, object};
use crate::api::{cache, console, docs, openapi, settings, system};
use crate::guard::table::RouteTable;

pub(super) fn add(t: &mut RouteTable) {
    t.role(Viewer, "health_summary", GET, "/api/plugins/health/summary", system::health_summary)
        .summary("Returns the health of all plugins.")
        .response::<api::HealthSummary>(200);
    t.role(Admin, "settings_get", GET, "/api/plugins/system/configuration", settings::get)
        .summary("Returns the settings of the host, with their origins.")
        .response::<api::SystemConfiguration>(200)
        .response_header(200, "ETag", "The value for `If-Match` of a change.");
    t.role(Admin, "settings_put", PUT, "/api/plugins/system/configuration", settings::put)
        .summary("Changes settings of the host. The body is the object that GET returns, or a part of it.")
        .header("If-Match", IF_MATCH)
        .body_content(true, &[("application/json", object())])
        .response::<api::SystemConfiguration>(200)
        .errors(&[400, 409, 412, 413, 415, 422, 503, 507]);
    t.role(Viewer, "cache_get", GET, "/api/plugins/cache/info", cache::info)
        .summary("Returns the size and usage of the build cache and the stores.")
        .response::<api::CacheInfo>(200);
    t.role(Operator, "cache_clear", DELETE, "/api/plugins/cache", cache::clear)
        .summary("Empties the build cache and deletes the artifacts and source trees that no installed or rollback version uses.")
        .response::<api::CacheCleared>(200)
        .errors(&[503, 507]);
    t.role(Viewer, "isolation_get", GET, "/api/system/isolation", cache::isolation)
        .summary("Returns how plugins run and which isolation mechanisms this machine supports.")
        .response::<api::Isolation>(200);
    t.role(Viewer, "system_metrics", GET, "/api/plugins/system/metrics", system::system_metrics)
        .summary("Returns the metrics of the host as JSON.")
        .response::<api::SystemMetricsResponse>(200);
    t.public("health", GET, "/health", system::ready)
        .summary("Readiness of the host.")
        .response::<system::Readiness>(200)
        .response::<system::Readiness>(503);
    t.public("health_live", GET, "/health/live", system::live)
        .summary("Liveness of the host.")
        .response::<system::Liveness>(200);
    t.public("health_ready", GET, "/health/ready", system::ready)
        .summary("Readiness of the host, as `/health`.")
        .response::<system::Readiness>(200)
        .response::<system::Readiness>(503);
    t.public("metrics", GET, "/metrics", system::metrics)
        .summary("Metrics of the host and its plugins in the Prometheus text format.")
        .text_response(200, "text/plain");
    t.role(Viewer, "openapi", GET, "/openapi.json", openapi::get)
        .summary("This OpenAPI document: the routes of the host and the endpoints of the running plugins.")
        .response_content(200, "application/json", object());
    t.public("docs", GET, "/docs", docs::page)
        .summary("API reference as an HTML page.")
        .text_response(200, "text/html");
    t.public("docs_script", GET, "/docs/page.js", docs::script)
        .summary("Script of the API reference page.")
        .text_response(200, "text/javascript");
    t.public("docs_style", GET, "/docs/page.css", docs::style)
        .summary("Style sheet of the API reference page.")
        .text_response(200, "text/css");
    t.public("docs_errors", GET, "/docs/errors", docs::errors)
        .summary("Error reference as an HTML page.")
        .text_response(200, "text/html");
    t.public("home", GET, "/", console::home)
        .summary("Redirects browsers to the web console.")
        .empty_response(303)
        .errors(&[404]);
    t.public("console", GET, "/console", console::page)
        .summary("The web console as an HTML page.")
        .text_response(200, "text/html");
    t.public("console_page", GET, "/console/{*page}", console::page)
        .summary("A page of the web console; its script renders the path.")
        .path_parameter("page", "The path of the page in the console.")
        .text_response(200, "text/html");
    t.public("console_file", GET, "/console/assets/{version}/{file}", console::file)
        .summary("A script, style sheet or image of the web console.")
        .path_parameter("version", "The version of the console.")
        .path_parameter("file", "The file name.")
        .text_response(200, "text/javascript")
        .text_response(200, "text/css")
        .text_response(200, "image/svg+xml");
}
