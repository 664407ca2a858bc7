//! Plugins: list, install, life cycle and removal.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use host_api as api;
use host_core::{Role, Source};
use host_run::{LoadOptions, Operation, StoredData};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::access::caller::Caller;
use crate::api::revisions;
use crate::operation::request::OperationRequest;
use crate::operation::run::{run, unknown};
use crate::operation::source::{SourceRequest, inside, source_asked};
use crate::state::AppState;
use crate::wire::input::{OptionalJson, PathId, QueryParams, RequiredJson};
use crate::wire::moment::AtQuery;
use crate::wire::plugin_list::{PluginListQuery, chosen};
use crate::wire::problem::ApiError;
use crate::wire::view;

type ApiResult = Result<Response, ApiError>;

/// Lists the plugins that the query selects; with `?at=`, their desired states at that time. Callers with grants see
/// only those plugins.
pub(crate) async fn list(
    State(app): State<AppState>,
    caller: Caller,
    QueryParams(at): QueryParams<AtQuery>,
    QueryParams(query): QueryParams<PluginListQuery>,
) -> ApiResult {
    let is_seen = |id: &str| caller.principal.may(Role::Viewer, Some(id));
    if let Some(at_unix_ms) = at.unix_ms()? {
        return revisions::asked_at(&app, at_unix_ms, is_seen).await;
    }
    let plugins = app.host.plugins();
    let plugins = plugins.iter().filter(|plugin| is_seen(plugin.id.as_str()));
    let mut list = chosen(plugins.map(view::item).collect(), &query)?;
    if query.lists_all_from_the_start() {
        let failed = app.host.failed_loads();
        list.failed_loads = failed.iter().filter(|failed| is_seen(failed.id.as_str())).map(view::failed_load).collect();
    }
    Ok(Json(list).into_response())
}

/// Returns a plugin; with `?at=`, its desired state at that time.
pub(crate) async fn get(
    State(app): State<AppState>,
    PathId(id): PathId,
    QueryParams(at): QueryParams<AtQuery>,
) -> ApiResult {
    if let Some(at_unix_ms) = at.unix_ms()? {
        return revisions::asked_of_one_at(&app, &id, at_unix_ms).await;
    }
    let plugin = app.host.plugin(&id).ok_or_else(|| unknown(&app, &id))?;
    let StoredData { keys, bytes } = app.host.stored_data(&plugin.id).await?;
    Ok(Json(view::plugin(&plugin, api::StoredData { keys, bytes })).into_response())
}

pub(crate) async fn status(State(app): State<AppState>, PathId(id): PathId) -> ApiResult {
    let plugin = app.host.plugin(&id).ok_or_else(|| unknown(&app, &id))?;
    Ok(Json(view::state(&plugin)).into_response())
}

pub(crate) async fn load(
    State(app): State<AppState>,
    request: OperationRequest,
    RequiredJson(asked): RequiredJson<api::LoadRequest>,
) -> ApiResult {
    let (version, tag_pattern) = (asked.version.as_deref(), asked.tag_pattern.as_deref());
    let named = SourceRequest { source: &asked.source, version, path: asked.path.as_deref(), tag_pattern };
    let (source, must_be) = source_asked(&app, &named).await?;
    let configuration = asked.config;
    let start = asked.start.unwrap_or(true);
    let options = LoadOptions { configuration, start, replace: asked.replace, ..must_be };
    let operation = Operation::Load { source, trust: host_run::Trust::Http, options };
    run(&app, request, operation).await
}

/// Request body of `POST /api/plugins/install/:uploadId`, which may be empty.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstallRequest {
    /// Operator configuration that overrides the manifest's defaults.
    config: Option<serde_json::Map<String, serde_json::Value>>,
    /// Starts the plugin after the installation; true when absent.
    start: Option<bool>,
    /// Allows replacing a plugin with the same id that was not installed from an upload; false when absent.
    #[serde(default)]
    replace: bool,
    /// The folder of the plugin in the archive; the root when absent.
    path: Option<String>,
}

pub(crate) async fn install(
    State(app): State<AppState>,
    PathId(upload): PathId,
    request: OperationRequest,
    OptionalJson(asked): OptionalJson<InstallRequest>,
) -> ApiResult {
    let configuration = asked.config;
    let start = asked.start.unwrap_or(true);
    let options = LoadOptions { configuration, start, replace: asked.replace, ..LoadOptions::default() };
    let operation = match asked.path.as_deref() {
        None => Operation::Install { upload, options },
        Some(path) => {
            let source = inside(Source::Upload(upload), Some(path))?;
            Operation::Load { source, trust: host_run::Trust::Http, options }
        }
    };
    run(&app, request, operation).await
}

pub(crate) async fn reload(State(app): State<AppState>, PathId(id): PathId, request: OperationRequest) -> ApiResult {
    run(&app, request, Operation::Reload { id }).await
}

pub(crate) async fn enable(State(app): State<AppState>, PathId(id): PathId, request: OperationRequest) -> ApiResult {
    run(&app, request, Operation::Enable { id }).await
}

pub(crate) async fn disable(
    State(app): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
    request: OperationRequest,
    QueryParams(DisableQuery { cascade }): QueryParams<DisableQuery>,
) -> ApiResult {
    if cascade {
        // The operation also changes other plugins.
        caller.need_for_all(Role::Operator)?;
    }
    run(&app, request, Operation::Disable { id, cascade }).await
}

pub(crate) async fn restart(State(app): State<AppState>, PathId(id): PathId, request: OperationRequest) -> ApiResult {
    run(&app, request, Operation::Restart { id }).await
}

pub(crate) async fn start(State(app): State<AppState>, PathId(id): PathId, request: OperationRequest) -> ApiResult {
    run(&app, request, Operation::Start { id }).await
}

pub(crate) async fn stop(State(app): State<AppState>, PathId(id): PathId, request: OperationRequest) -> ApiResult {
    run(&app, request, Operation::Stop { id }).await
}

/// Request body of `POST /api/plugins/:id/rollback`, which may be empty.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollbackRequest {
    /// A version, commit or artifact digest; the previous version when absent.
    to: Option<String>,
}

pub(crate) async fn rollback(
    State(app): State<AppState>,
    PathId(id): PathId,
    request: OperationRequest,
    OptionalJson(RollbackRequest { to }): OptionalJson<RollbackRequest>,
) -> ApiResult {
    run(&app, request, Operation::Rollback { id, to, because: None }).await
}

/// Options of an unload.
#[derive(Deserialize, IntoParams)]
pub(crate) struct UnloadQuery {
    /// Keeps the configuration and the data that the host stores for the plugin, for a later installation.
    #[serde(default)]
    keep_data: bool,
    /// Also unloads the plugins that depend on it, before this one.
    #[serde(default)]
    cascade: bool,
}

/// Options of a disable.
#[derive(Deserialize, IntoParams)]
pub(crate) struct DisableQuery {
    /// Also disables the plugins that depend on it, before this one.
    #[serde(default)]
    cascade: bool,
}

pub(crate) async fn unload(
    State(app): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
    request: OperationRequest,
    QueryParams(UnloadQuery { keep_data, cascade }): QueryParams<UnloadQuery>,
) -> ApiResult {
    if cascade {
        caller.need_for_all(Role::Operator)?;
    }
    run(&app, request, Operation::Unload { id, keep_data, cascade }).await
}
