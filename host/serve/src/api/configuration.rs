//! The configuration of a plugin by layer. Secrets are masked, and a mask that is sent back keeps the stored secret.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_run::{Operation, SettingsChange};
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::IntoParams;

use crate::operation::request::OperationRequest;
use crate::operation::run::{run, unknown};
use crate::state::AppState;
use crate::wire::compression;
use crate::wire::input::{PathId, QueryParams, RequiredJson};
use crate::wire::problem::ApiError;
use crate::wire::view;

pub(crate) async fn get(State(app): State<AppState>, PathId(id): PathId) -> Result<Response, ApiError> {
    let view = app.host.configuration(&id)?.ok_or_else(|| unknown(&app, &id))?;
    let answer = api::Configuration {
        id,
        revision: view.revision,
        configuration: view.effective,
        defaults: view.defaults,
        host_file: view.host_file,
        set: view.operator,
    };
    let mut response = Json(answer).into_response();
    if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", view.revision)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Returns the JSON Schema of the configuration.
pub(crate) async fn schema(State(app): State<AppState>, PathId(id): PathId) -> Result<Json<Value>, ApiError> {
    Ok(Json(app.host.configuration_schema(&id)?.ok_or_else(|| unknown(&app, &id))?))
}

/// The query of a change.
#[derive(Deserialize, IntoParams)]
pub(crate) struct ChangeQuery {
    /// Checks the change, returns the resulting configuration and its differences, and changes nothing.
    #[serde(default)]
    #[param(required = false)]
    dry_run: bool,
}

/// Replaces the operator configuration.
pub(crate) async fn put(
    State(app): State<AppState>,
    PathId(id): PathId,
    QueryParams(query): QueryParams<ChangeQuery>,
    headers: HeaderMap,
    request: OperationRequest,
    // Not optional: an empty body would be read as an empty configuration.
    RequiredJson(configuration): RequiredJson<Map<String, Value>>,
) -> Result<Response, ApiError> {
    change(&app, id, &query, expected(&headers)?, request, SettingsChange::Replace(configuration)).await
}

/// Merges the body into the operator configuration (RFC 7396); null removes a value.
pub(crate) async fn patch(
    State(app): State<AppState>,
    PathId(id): PathId,
    QueryParams(query): QueryParams<ChangeQuery>,
    headers: HeaderMap,
    request: OperationRequest,
    RequiredJson(patch): RequiredJson<Map<String, Value>>,
) -> Result<Response, ApiError> {
    change(&app, id, &query, expected(&headers)?, request, SettingsChange::Merge(patch)).await
}

/// Makes a change as a job, or only checks it.
async fn change(
    app: &AppState,
    id: String,
    query: &ChangeQuery,
    expected: Option<u64>,
    request: OperationRequest,
    change: SettingsChange,
) -> Result<Response, ApiError> {
    if !query.dry_run {
        return run(app, request, Operation::Configure { id, change, expected }).await;
    }
    let check = app.host.check_configuration(&id, &change, expected).await?;
    let changes: Vec<_> = check.changes.into_iter().map(view::setting_change).collect();
    let judges = if check.is_checked_by_plugin { "the schema and the plugin accept" } else { "the schema accepts" };
    let message = match changes.len() {
        0 => format!("{judges} the configuration; nothing would change"),
        1 => format!("{judges} the configuration; 1 value would change"),
        n => format!("{judges} the configuration; {n} values would change"),
    };
    let (configuration, set) = (check.view.effective, check.view.operator);
    Ok(Json(api::ConfigurationCheck {
        message,
        id,
        revision: check.view.revision,
        configuration,
        set,
        changes,
        warnings: check.warnings,
        checked_by_plugin: check.is_checked_by_plugin,
    })
    .into_response())
}

/// Returns the revision that `If-Match` requires, if any.
fn expected(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(text) = compression::required_etag(headers)? else { return Ok(None) };
    let revision = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')?.parse().ok());
    // A tag that this host never returned matches no revision.
    revision.map(Some).ok_or_else(|| {
        ApiError::new(
            StatusCode::PRECONDITION_FAILED,
            "state_stale",
            "`If-Match` is not an `ETag` of this configuration",
        )
        .fix("repeat the change with the current `ETag`, as returned by GET")
    })
}
