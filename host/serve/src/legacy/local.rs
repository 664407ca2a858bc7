//! Installing from folders and files, as older clients request it.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_core::Source;
use host_run::{LoadOptions, Operation, PluginView, Trust};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::operation::request::OperationRequest;
use crate::operation::run::{run, unknown};
use crate::operation::validate::judged;
use crate::state::AppState;
use crate::wire::input::{QueryParams, RequiredJson};
use crate::wire::plugin_list::{PluginListQuery, chosen};
use crate::wire::problem::ApiError;
use crate::wire::view;

type ApiResult = Result<Response, ApiError>;

pub(crate) async fn load(
    State(app): State<AppState>,
    request: OperationRequest,
    RequiredJson(asked): RequiredJson<api::LocalLoad>,
) -> ApiResult {
    let source = path(&app, &asked.plugin_path, asked.manifest_path.as_deref())?;
    let options = LoadOptions { configuration: asked.config, replace: asked.replace, ..LoadOptions::default() };
    run(&app, request, Operation::Load { source, trust: Trust::Http, options }).await
}

pub(crate) async fn unload(
    State(app): State<AppState>,
    request: OperationRequest,
    RequiredJson(api::LocalUnload { plugin_id: id }): RequiredJson<api::LocalUnload>,
) -> ApiResult {
    let plugin = app.host.plugin(&id).ok_or_else(|| unknown(&app, &id))?;
    // A damaged plugin, or one whose first load is running, has no source and can be unloaded.
    if plugin.desired.is_some() && !is_local(&plugin) {
        let detail = format!("plugin `{}` was not installed from a folder or file", plugin.id);
        return Err(ApiError::new(StatusCode::CONFLICT, "local_other_source", detail)
            .fix(format!("unload it with DELETE /api/plugins/{}", plugin.id)));
    }
    run(&app, request, Operation::Unload { id, keep_data: false, cascade: false }).await
}

/// Lists the plugins that were installed from folders and files.
pub(crate) async fn list(State(app): State<AppState>, QueryParams(query): QueryParams<PluginListQuery>) -> ApiResult {
    let plugins = app.host.plugins();
    let items = plugins.iter().filter(|plugin| is_local(plugin)).map(view::item).collect();
    Ok(Json(chosen(items, &query)?).into_response())
}

/// The folder or file to build.
#[derive(Deserialize, IntoParams)]
pub(crate) struct LocalBuildQuery {
    /// The folder or file to build.
    #[serde(rename = "pluginPath")]
    #[param(required = true)]
    plugin_path: Option<String>,
    /// The plugin.yaml, which must be at the root of the folder.
    #[serde(rename = "manifestPath")]
    manifest_path: Option<String>,
}

/// Fetches, checks and builds a folder or file without installing it.
pub(crate) async fn build(State(app): State<AppState>, QueryParams(query): QueryParams<LocalBuildQuery>) -> ApiResult {
    let Some(plugin_path) = query.plugin_path else {
        let detail = "invalid query: `pluginPath` is missing; it is the folder or file to build";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "query_does_not_fit", detail));
    };
    let source = path(&app, &plugin_path, query.manifest_path.as_deref())?;
    let shown = source.to_string();
    let (built, log) = app.host.build_source(source).await?;
    let named = built.manifest.as_ref().map(|manifest| format!("plugin {} {}", manifest.id, manifest.version));
    let report = judged(shown, &built);
    let message = match named.filter(|_| report.valid) {
        Some(named) => format!("{named} was built"),
        None => report.message.clone(),
    };
    Ok(Json(api::BuildReport { report: api::ValidationReport { message, ..report }, log }).into_response())
}

/// Parses the path of a folder or file.
fn path(app: &AppState, plugin_path: &str, manifest_path: Option<&str>) -> Result<Source, ApiError> {
    let source = plugin_path.parse::<Source>().map_err(|error| ApiError::from(host_run::Error::from(error)))?;
    if matches!(source.place(), Source::Git { .. } | Source::Upload(_)) {
        let detail = "`pluginPath` is not a path; use POST /api/plugins/load for git URLs and uploads";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "local_path", detail));
    }
    app.host.with_manifest(&source, manifest_path)?;
    Ok(source)
}

fn is_local(plugin: &PluginView) -> bool {
    let source = plugin.desired.as_ref().map(|desired| desired.current.source.place());
    matches!(source, Some(Source::Folder(_) | Source::Archive(_) | Source::Library(_)))
}
