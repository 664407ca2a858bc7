//! A plugin's configuration: what its layers are, what is in use. Secrets are masked, and a mask that is sent back stands for
//! the secret that is set.

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

/// Replaces what the operator set by the object in the body.
pub(crate) async fn put(
    State(app): State<AppState>,
    PathId(id): PathId,
    headers: HeaderMap,
    request: OperationRequest,
    // An empty body would read as "set nothing", which nobody means by sending nothing.
    RequiredJson(configuration): RequiredJson<Map<String, Value>>,
) -> Result<Response, ApiError> {
    let expected = expected(&headers)?;
    run(&app, request, Operation::Configure { id, change: SettingsChange::Replace(configuration), expected }).await
}

/// Merges the object in the body into what the operator set (RFC 7396): null takes back what was set.
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

/// The revision that `If-Match` asks for, if it asks for one.
fn expected(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let revision = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')?.parse().ok());
    // A tag that this host never gave fits nothing.
    revision.map(Some).ok_or_else(|| {
        ApiError::new(
            StatusCode::PRECONDITION_FAILED,
            "state_stale",
            "`If-Match` is not an `ETag` of this configuration",
        )
        .fix("repeat the change with the current `ETag`, as returned by GET")
    })
}
