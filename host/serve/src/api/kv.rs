//! The key-value store of a plugin: its keys, one value, and the removal of a key.
//!
//! The values are data of the plugin and its users, so these routes require the role that may configure the plugin.

use axum::Json;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use host_api as api;
use host_core::PluginId;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::audit_context::AuditSubject;
use crate::operation::run::unknown;
use crate::state::AppState;
use crate::wire::input::{PathId, PathIdAnd, QueryParams};
use crate::wire::problem::ApiError;

/// Maximum and default number of keys in a response.
const MAX_LIMIT: usize = 1000;
const DEFAULT_LIMIT: usize = 100;

/// The query of a list of keys.
#[derive(Deserialize, IntoParams)]
pub(crate) struct StoredKeysQuery {
    /// Only keys that start with this text.
    #[serde(default)]
    #[param(required = false)]
    prefix: String,
    /// The `next` of the previous page: only keys that sort after it.
    after: Option<String>,
    /// Maximum number of keys; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Lists the keys of a plugin, without values.
pub(crate) async fn list(
    State(app): State<AppState>,
    PathId(id): PathId,
    QueryParams(query): QueryParams<StoredKeysQuery>,
) -> Result<Json<api::StoredKeys>, ApiError> {
    let id = installed(&app, &id)?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let detail = format!("invalid query: `limit` must be from 1 to {MAX_LIMIT}");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "query_does_not_fit", detail));
    }
    let page = app.host.stored_keys(&id, &query.prefix, query.after.as_deref(), limit).await?;
    let next = page.keys.last().filter(|_| page.more).map(|last| last.key.clone());
    let key =
        |listed: host_state::Listed| api::StoredKey { key: listed.key, bytes: listed.bytes, version: listed.version };
    Ok(Json(api::StoredKeys { keys: page.keys.into_iter().map(key).collect(), next }))
}

/// Returns the value of a key. Its size is limited by `kv_max_value_bytes`, since it was written within that limit.
pub(crate) async fn get(
    State(app): State<AppState>,
    PathIdAnd(id, key): PathIdAnd<String>,
) -> Result<Json<api::StoredValue>, ApiError> {
    let id = installed(&app, &id)?;
    let Some(entry) = app.host.stored_value(&id, &key).await? else { return Err(unknown_key(&id, &key)) };
    let stored = api::StoredKey { key, bytes: entry.value.len() as u64, version: entry.version };
    let (text, base64) = match String::from_utf8(entry.value) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(STANDARD.encode(error.as_bytes()))),
    };
    Ok(Json(api::StoredValue { stored, text, base64 }))
}

/// Deletes a key.
pub(crate) async fn delete(
    State(app): State<AppState>,
    subject: AuditSubject,
    PathIdAnd(id, key): PathIdAnd<String>,
) -> Result<StatusCode, ApiError> {
    let id = installed(&app, &id)?;
    subject.object(format!("{id}/{}", host_core::shown(&key, 200)).as_str());
    if app.host.delete_stored(&id, &key).await? { Ok(StatusCode::NO_CONTENT) } else { Err(unknown_key(&id, &key)) }
}

/// Returns the id of an installed plugin.
fn installed(app: &AppState, id: &str) -> Result<PluginId, ApiError> {
    Ok(app.host.plugin(id).ok_or_else(|| unknown(app, id))?.id)
}

fn unknown_key(id: &PluginId, key: &str) -> ApiError {
    let detail = format!("plugin `{id}` has stored no key `{}`", host_core::shown(key, 80));
    ApiError::new(StatusCode::NOT_FOUND, "kv_not_found", detail)
        .fix(format!("list its keys with `GET /api/plugins/{id}/kv`"))
}
