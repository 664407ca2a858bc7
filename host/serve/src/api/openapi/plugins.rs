//! The endpoints of plugins as OpenAPI operations.
//!
//! All texts come from plugin authors. They are inserted as JSON strings only, never as part of a reference or as a
//! key that the host uses.

use host_core::Manifest;
use host_core::configuration::Schema;
use host_core::manifest::{Endpoint, Method};
use host_run::PluginView;
use serde_json::{Map, Value, json};

use super::problem_response;
use crate::wire::PLUGIN_ENDPOINTS;

/// Statuses that the host can return for any endpoint.
const FAILS: [u16; 9] = [400, 404, 408, 413, 415, 421, 500, 503, 504];
/// Statuses that the host returns for endpoints with authentication, validation, rate limits or WebSockets.
const ASKED: [u16; 5] = [401, 403, 422, 426, 429];

/// Adds the operations of a running plugin.
pub(super) fn add(document: &mut Value, plugin: &PluginView) {
    let (Some(manifest), Some(_)) = (&plugin.manifest, plugin.generation) else { return };
    let tag = json!({ "name": plugin_tag(manifest), "description": description(manifest) });
    if let Some(tags) = document["tags"].as_array_mut() {
        tags.push(tag);
    }
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for (number, endpoint) in manifest.endpoints.iter().enumerate() {
        let path = format!("{PLUGIN_ENDPOINTS}{}{}", manifest.id, path(endpoint));
        let item = paths.entry(path).or_insert_with(|| Value::Object(Map::new()));
        let schema = endpoint.body_schema().and_then(|path| plugin.body_schemas.get(path.as_str()));
        item[method(endpoint.method)] = operation(manifest, number, endpoint, schema.map(Schema::as_value));
    }
}

/// The responses with a status that can come from the host (as a problem document) or from the plugin.
pub(super) fn responses() -> Map<String, Value> {
    let either = |status: u16| {
        let mut response = problem_response(status);
        if let Some(says) = response["description"].as_str() {
            response["description"] = json!(format!("{says}, from the host or the plugin"));
        }
        let problem = response["content"]["application/problem+json"]["schema"].take();
        let answer = json!({ "description": "The plugin's response." });
        response["content"]["application/problem+json"]["schema"] = json!({ "anyOf": [problem, answer] });
        response["content"]["*/*"] = json!({ "schema": answer });
        (name_of_either(status), response)
    };
    FAILS.into_iter().chain(ASKED).map(either).collect()
}

/// The component name of the response with a status.
fn name_of_either(status: u16) -> String {
    format!("Endpoint{status}")
}

/// Contains a space, unlike the tags of the host's routes, so they cannot collide.
fn plugin_tag(manifest: &Manifest) -> String {
    format!("plugin {}", manifest.id)
}

fn description(manifest: &Manifest) -> String {
    let first = format!("{} {}", manifest.name, manifest.version);
    if manifest.description.is_empty() { first } else { format!("{first}: {}", manifest.description) }
}

fn operation(manifest: &Manifest, number: usize, endpoint: &Endpoint, schema: Option<&Value>) -> Value {
    let mut fails = FAILS.to_vec();
    if endpoint.auth.required {
        fails.extend([401, 403]);
    }
    if endpoint.rate_limit.is_some() {
        fails.push(429);
    }
    if schema.is_some() || endpoint.validation.as_ref().is_some_and(|validation| !validation.required.is_empty()) {
        fails.push(422);
    }
    if endpoint.upgrade.is_some() {
        fails.push(426);
    }
    fails.sort_unstable();
    let reference = |status: &u16| {
        (status.to_string(), json!({ "$ref": format!("#/components/responses/{}", name_of_either(*status)) }))
    };
    let mut responses: Map<_, _> = fails.iter().map(reference).collect();
    responses.insert("default".to_owned(), json!({ "description": "The plugin's response." }));
    let mut operation = json!({
        // Plugin ids contain no dot, and a handler may serve several endpoints.
        "operationId": format!("{}.{}.{number}", manifest.id, endpoint.handler),
        "summary": summary(endpoint),
        "tags": [plugin_tag(manifest)],
        "security": if endpoint.auth.required { json!([{ "token": [] }]) } else { json!([]) },
        "responses": responses,
        "x-deadline-ms": endpoint.timeout.as_millis(),
        "x-max-body-bytes": endpoint.max_body_bytes,
    });
    for (name, is_possible) in [("x-response-codings", endpoint.compress), ("x-request-codings", endpoint.decompress)] {
        if is_possible {
            operation[name] = json!(["gzip"]);
        }
    }
    let parameters = endpoint.path.params().iter();
    let parameters: Vec<_> = parameters
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = body(endpoint, schema) {
        operation["requestBody"] = body;
    }
    if let Some(limit) = &endpoint.rate_limit {
        operation["x-rate-limit"] =
            json!({ "rpm": limit.rpm, "burst": limit.burst, "window_ms": limit.window.as_millis() });
    }
    let auth = &endpoint.auth;
    let asked = [("roles", &auth.roles), ("permissions", &auth.permissions), ("scopes", &auth.scopes)];
    let asked: Map<_, _> =
        asked.iter().filter(|(_, of)| !of.is_empty()).map(|(k, of)| ((*k).to_owned(), json!(of))).collect();
    if !asked.is_empty() {
        operation["x-needs"] = Value::Object(asked);
    }
    operation
}

fn summary(endpoint: &Endpoint) -> String {
    let first = endpoint.description.lines().next().unwrap_or_default();
    if first.is_empty() { endpoint.handler.clone() } else { first.to_owned() }
}

/// The request body of an endpoint, if its method has one.
fn body(endpoint: &Endpoint, schema: Option<&Value>) -> Option<Value> {
    if matches!(endpoint.method, Method::Get | Method::Head | Method::Options | Method::Delete) {
        return None;
    }
    let validation = endpoint.validation.clone().unwrap_or_default();
    let asked = (!validation.required.is_empty()).then(|| json!({ "type": "object", "required": validation.required }));
    let own = schema.map(super::schema::inlined);
    let schema = match (own, asked) {
        (Some(Some(own)), Some(asked)) => Some(json!({ "allOf": [own, asked] })),
        (Some(Some(own)), None) => Some(own),
        (Some(None), asked) => {
            let mut left_out = asked.unwrap_or_else(|| json!({}));
            left_out["description"] = json!("The plugin's schema is omitted because it is recursive or too large.");
            Some(left_out)
        }
        (None, asked) => asked,
    };
    let is_checked = schema.is_some();
    let types = match validation.content_type.as_slice() {
        [] if is_checked => vec!["application/json".to_owned()],
        [] => vec!["*/*".to_owned()],
        types => types.to_vec(),
    };
    let content = types.into_iter().map(|kind| {
        let is_json = kind == "application/json" || kind.ends_with("+json");
        let schema = schema.clone().filter(|_| is_json).map_or_else(|| json!({}), |schema| json!({ "schema": schema }));
        (kind, schema)
    });
    Some(json!({ "required": is_checked, "content": content.collect::<Map<_, _>>() }))
}

/// The path in OpenAPI notation. A wildcard is a parameter too.
fn path(endpoint: &Endpoint) -> String {
    endpoint.path.pattern().replace("{*", "{")
}

fn method(method: Method) -> String {
    method.as_str().to_ascii_lowercase()
}
