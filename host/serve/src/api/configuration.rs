//! The configuration of a plugin by layer. Secrets are masked, and a mask that is sent back keeps the stored secret.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_run::{Operation, SettingsChange};
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use serde_json::{Map, Value};

use crate::operation::request::OperationRequest;
use crate::operation::run::{run, unknown};
use crate::state::AppState;
use crate::wire::compression;
use crate::wire::input::{PathId, RequiredJson};
use crate::wire::problem::ApiError;

pub(crate) async fn get(State(app): State<AppState>, PathId(id): PathId) -> Result<Response, ApiError> {
    let view = app.host.configuration(&id)?.ok_or_else(|| unknown(&id))?;
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

/// Replaces the operator configuration.
pub(crate) async fn put(
    State(app): State<AppState>,
    PathId(id): PathId,
    headers: HeaderMap,
    request: OperationRequest,
    // Not optional: an empty body would be read as an empty configuration.
    RequiredJson(configuration): RequiredJson<Map<String, Value>>,
) -> Result<Response, ApiError> {
    let expected = expected(&headers)?;
    run(&app, request, Operation::Configure { id, change: SettingsChange::Replace(configuration), expected }).await
}

/// Merges the body into the operator configuration (RFC 7396); null removes a value.
pub(crate) async fn patch(
    State(app): State<AppState>,
    PathId(id): PathId,
    headers: HeaderMap,
    request: OperationRequest,
    RequiredJson(patch): RequiredJson<Map<String, Value>>,
) -> Result<Response, ApiError> {
    let expected = expected(&headers)?;
    run(&app, request, Operation::Configure { id, change: SettingsChange::Merge(patch), expected }).await
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
