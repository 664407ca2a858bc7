//! Updates: newer versions, update policies, and installing an update.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_core::Revision;
use host_run::Operation;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::operation::request::OperationRequest;
use crate::operation::run::{run, unknown};
use crate::state::AppState;
use crate::wire::input::{OptionalJson, PathId, PathIdAnd, QueryParams, RequiredJson};
use crate::wire::problem::ApiError;
use crate::wire::update_request;
use crate::wire::view;

type ApiResult = Result<Response, ApiError>;

/// The query of the newer versions.
#[derive(Deserialize, IntoParams)]
pub(crate) struct UpdateCheckQuery {
    /// Checks the repository now instead of returning the last result.
    #[serde(default)]
    check: bool,
}

pub(crate) async fn get(
    State(app): State<AppState>,
    PathId(id): PathId,
    QueryParams(UpdateCheckQuery { check }): QueryParams<UpdateCheckQuery>,
) -> ApiResult {
    if check {
        app.host.look_for_updates(&id).await?;
    }
    let plugin = app.host.plugin(&id).ok_or_else(|| unknown(&app, &id))?;
    let desired = plugin.desired.ok_or_else(|| unknown(&app, &id))?;
    let source = &desired.current.source;
    let report = plugin.update_report.as_ref();
    Ok(Json(view::updates(&id, source, &desired.update, &desired.blocked, report)).into_response())
}

/// Replaces the update policy. Blocked versions are kept unless the body lists them.
pub(crate) async fn put_policy(
    State(app): State<AppState>,
    PathId(id): PathId,
    request: OperationRequest,
    RequiredJson(asked): RequiredJson<api::UpdatePolicyRequest>,
) -> ApiResult {
    let (policy, blocked) = update_request::parse(&asked)?;
    let tags = update_request::tags_asked(asked.tag_pattern.as_deref())?;
    run(&app, request, Operation::SetUpdatePolicy { id, policy, blocked, tags }).await
}

/// Blocks a version.
pub(crate) async fn block(
    State(app): State<AppState>,
    PathIdAnd(id, version): PathIdAnd<String>,
    request: OperationRequest,
) -> ApiResult {
    let version = update_request::version_asked(&version)?;
    run(&app, request, Operation::BlockVersion { id, version, blocked: true }).await
}

/// Unblocks a version.
pub(crate) async fn unblock(
    State(app): State<AppState>,
    PathIdAnd(id, version): PathIdAnd<String>,
    request: OperationRequest,
) -> ApiResult {
    let version = update_request::version_asked(&version)?;
    run(&app, request, Operation::BlockVersion { id, version, blocked: false }).await
}

/// Updates to the given version, or to the newest version that the policy allows.
pub(crate) async fn update(
    State(app): State<AppState>,
    PathId(id): PathId,
    request: OperationRequest,
    OptionalJson(asked): OptionalJson<api::UpdateRequest>,
) -> ApiResult {
    let malformed = |error: host_core::SourceError| ApiError::from(host_run::Error::from(error));
    let named = asked.version.as_deref().unwrap_or_default().parse::<Revision>().map_err(malformed)?;
    let to = Some(named).filter(|named| *named != Revision::Latest);
    run(&app, request, Operation::Update { id, to, automatic: false }).await
}
