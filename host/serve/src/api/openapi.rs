//! The OpenAPI 3.1 document of the host and its plugins.
//!
//! The host's part is generated once from the route table. The plugins' part is generated for each request, from the
//! plugins that run at that time.

mod plugins;
mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema as _, ToSchema as _};

use crate::guard::doc::RouteDoc;
use crate::guard::table::{RequiredAccess, RouteRow, RouteTable};
use crate::state::AppState;
use crate::wire::problem::ApiError;

const DESCRIPTION: &str = "A host for native plugins. The running plugins serve the paths below `/api/plugin-endpoints/`; \
the host \
serves all other paths. Every error is a problem document with a stable `code`, which `/docs/errors` explains.";

/// The host's part of the document.
pub(crate) struct HostDocument(Map<String, Value>);

/// Returns the complete document.
pub(crate) async fn get(
    State(app): State<AppState>,
    Extension(document): Extension<Arc<HostDocument>>,
) -> Result<Response, ApiError> {
    let host = app.host.clone();
    // Generating the operations of many plugins takes time.
    let text = tokio::task::spawn_blocking(move || document.with(&host.plugins()).to_string()).await;
    let text = text.map_err(|_| ApiError::from(host_run::Error::Panicked))?;
    let mut response = text.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

impl HostDocument {
    pub(crate) fn new(table: &RouteTable) -> HostDocument {
        let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
        let mut schemas = BTreeMap::new();
        let mut statuses = BTreeSet::new();
        for (row, doc) in table.documented_rows() {
            let fails = fails(row, doc);
            paths
                .entry(row.path.replace("{*", "{"))
                .or_default()
                .insert(method(&row.method), operation(row, doc, &fails));
            schemas.extend(doc.schemas.clone());
            statuses.extend(fails);
        }
        let mut problem = vec![];
        host_api::Problem::schemas(&mut problem);
        problem.push(("Problem".to_owned(), host_api::Problem::schema()));
        schemas
            .extend(problem.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default())));
        let mut responses = plugins::responses();
        responses.extend(statuses.iter().map(|status| (name(*status), problem_response(*status))));
        let token = "A token of this host. The initial admin token is in `operator.token` in the plugin folder.";
        let bearer = json!({ "type": "http", "scheme": "bearer", "description": token });
        let id = "The id of the request, which also appears in the host's log.";
        let request_id = json!({ "description": id, "schema": { "type": "string" } });
        let document = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "plugin-host",
                "description": DESCRIPTION,
                "version": env!("CARGO_PKG_VERSION"),
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "servers": [{ "url": "/" }],
            "tags": TAGS.iter().map(|(name, says)| json!({ "name": name, "description": says })).collect::<Vec<_>>(),
            "paths": paths,
            "components": {
                "schemas": schemas,
                "responses": responses,
                "headers": { "RequestId": request_id },
                "securitySchemes": { "token": bearer },
            },
        });
        match document {
            Value::Object(document) => HostDocument(document),
            _ => HostDocument(Map::new()),
        }
    }

    /// Returns the document with the endpoints of these plugins.
    pub(crate) fn with(&self, plugins: &[host_run::PluginView]) -> Value {
        let mut document = Value::Object(self.0.clone());
        for plugin in plugins {
            plugins::add(&mut document, plugin);
        }
        document
    }
}

/// The tags of the host's routes. The first matching prefix counts.
const GROUPS: &[(&str, &str)] = &[
    ("/api/plugins/plan", "plans"),
    ("/api/plugins/apply", "plans"),
    ("/api/plugins/export", "plans"),
    ("/api/plugins/batch", "plans"),
    ("/api/plugins/{id}/config", "configuration"),
    ("/api/plugins/{id}/revisions", "history"),
    ("/api/plugins/revisions", "history"),
    ("/api/plugins/{id}/update", "updates"),
    ("/api/plugins/{id}/blocked", "updates"),
    ("/api/plugins/github", "updates"),
    ("/api/plugins/system", "host"),
    ("/api/plugins/health", "host"),
    ("/api/plugins", "plugins"),
    ("/api/jobs", "jobs"),
    ("/api/events", "events"),
    ("/", "host"),
];
const TAGS: &[(&str, &str)] = &[
    ("plugins", "Plugins: list, install, replace, remove."),
    ("configuration", "Configuration of plugins."),
    ("history", "Revisions: the history of desired states."),
    ("updates", "Newer versions and update policies."),
    ("plans", "Plans and batches: several changes in one job."),
    ("jobs", "Running and ended jobs."),
    ("events", "Events of the host and its plugins."),
    ("host", "The host: health, metrics, settings, users and audit log."),
];

fn operation(row: &RouteRow, doc: &RouteDoc, fails: &BTreeSet<u16>) -> Value {
    let tag = GROUPS.iter().find(|(start, _)| row.path.starts_with(start)).map_or("host", |(_, tag)| tag);
    let mut parameters = path_parameters(row, doc);
    parameters.extend(doc.parameters.iter().cloned());
    let mut responses: Map<_, _> =
        doc.responses.iter().map(|(status, response)| (status.to_string(), response.to_json(*status))).collect();
    for status in fails {
        let reference = json!({ "$ref": format!("#/components/responses/{}", name(*status)) });
        // A response documented by the route takes precedence.
        responses.entry(status.to_string()).or_insert(reference);
    }
    let mut operation = json!({
        "operationId": row.action,
        "summary": doc.summary,
        "tags": [tag],
        "responses": responses,
    });
    operation["security"] = match row.access {
        RequiredAccess::Public => json!([]),
        RequiredAccess::AnyToken | RequiredAccess::Role(_) => json!([{ "token": [] }]),
    };
    if let RequiredAccess::Role(role) = row.access {
        operation["x-role"] = json!(role.to_string());
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = &doc.body {
        operation["requestBody"] = body.clone();
    }
    operation
}

/// All error statuses of a route: those documented by it, and those derived from its row.
fn fails(row: &RouteRow, doc: &RouteDoc) -> BTreeSet<u16> {
    let mut fails = doc.errors.clone();
    if row.access != RequiredAccess::Public {
        fails.extend([401, 403, 429, 500]);
    }
    if row.is_mutating() {
        // An invalid or reused idempotency key, and an audit log that cannot be written.
        fails.extend([400, 409, 422, 503, 507]);
        // A body where none is read.
        fails.extend([408, 413, 415]);
    }
    if row.path.contains('{') {
        fails.extend([400, 404]);
    }
    // A body that arrives too slowly.
    if doc.body.is_some() {
        fails.insert(408);
    }
    // A `Host` that is not allowed. Health probes may use any name.
    if !row.path.starts_with("/health") {
        fails.insert(421);
    }
    fails
}

fn path_parameters(row: &RouteRow, doc: &RouteDoc) -> Vec<Value> {
    let parameter = |name: &str| {
        let known = match name {
            "id" if row.path.starts_with("/api/plugins/") => "The plugin id.",
            "id" if row.path.starts_with("/api/jobs/") => "The job id.",
            _ => "",
        };
        let says = doc.path_parameters.get(name).copied().unwrap_or(known);
        json!({ "name": name, "in": "path", "required": true, "description": says, "schema": { "type": "string" } })
    };
    names(row.path).map(parameter).collect()
}

/// The parameter names of a path.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| name.trim_start_matches('*'))
}

fn method(method: &Method) -> String {
    method.as_str().to_ascii_lowercase()
}

/// The component name of the error response with a status.
fn name(status: u16) -> String {
    format!("Problem{status}")
}

fn problem_response(status: u16) -> Value {
    let title = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("problem");
    let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/RequestId" } });
    if matches!(status, 429 | 503) {
        let says = "Seconds to wait before repeating the request.";
        headers["Retry-After"] = json!({ "description": says, "schema": { "type": "integer" } });
    }
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    let content = json!({ "application/problem+json": { "schema": schema } });
    json!({ "description": title, "headers": headers, "content": content })
}
