//! Folders and files as clients of an older system name them: the same operations as for any other source.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_core::Source;
use host_run::{LoadOptions, Operation, PluginView, Trust};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::operation::request::Asking;
use crate::operation::run::{run, unknown};
use crate::operation::validate::judged;
use crate::state::Front;
use crate::wire::input::{Parameters, Whole};
use crate::wire::outcome::of_operation;
use crate::wire::plugin_list::{ListQuery, chosen};
use crate::wire::problem::Refused;
use crate::wire::view;

type Answer = Result<Response, Refused>;

pub(crate) async fn load(State(front): State<Front>, asking: Asking, Whole(asked): Whole<api::LocalLoad>) -> Answer {
    let source = path(&front, &asked.plugin_path, asked.manifest_path.as_deref())?;
    let options = LoadOptions { configuration: asked.config, ..LoadOptions::default() };
    run(&front, asking, Operation::Load { source, trust: Trust::Http, options }).await
}

pub(crate) async fn unload(
    State(front): State<Front>,
    asking: Asking,
    Whole(api::LocalUnload { plugin_id: id }): Whole<api::LocalUnload>,
) -> Answer {
    let plugin = front.host.plugin(&id).ok_or_else(|| unknown(&id))?;
    // One that is damaged or on its way has no source, and may go.
    if plugin.desired.is_some() && !is_local(&plugin) {
        let detail = format!("plugin `{}` was not installed from a folder or file", plugin.id);
        return Err(Refused::new(StatusCode::CONFLICT, "local_other_source", detail)
            .fix(format!("unload it with DELETE /api/plugins/{}", plugin.id)));
    }
    run(&front, asking, Operation::Unload { id, keep_data: false, cascade: false }).await
}

/// The installed plugins that come from folders and files.
pub(crate) async fn list(State(front): State<Front>, Parameters(query): Parameters<ListQuery>) -> Answer {
    let plugins = front.host.plugins();
    let items = plugins.iter().filter(|plugin| is_local(plugin)).map(view::item).collect();
    Ok(Json(chosen(items, &query)?).into_response())
}

/// `?pluginPath=&manifestPath=`: the folder or file to look at.
#[derive(Deserialize, IntoParams)]
pub(crate) struct BuildQuery {
    /// The folder or file to check.
    #[serde(rename = "pluginPath")]
    #[param(required = true)]
    plugin_path: Option<String>,
    /// The plugin.yaml, which must be at the root of the folder.
    #[serde(rename = "manifestPath")]
    manifest_path: Option<String>,
}

/// What building a folder would come to. Nothing is built: a request that is only a look starts no compiler.
pub(crate) async fn build(State(front): State<Front>, Parameters(query): Parameters<BuildQuery>) -> Answer {
    let Some(plugin_path) = query.plugin_path else {
        let detail = "invalid query: `pluginPath` is missing; it is the folder or file to check";
        return Err(Refused::new(StatusCode::BAD_REQUEST, "query_does_not_fit", detail));
    };
    let source = path(&front, &plugin_path, query.manifest_path.as_deref())?;
    let shown = source.to_string();
    let validated = front.host.validate(source).await.map_err(|error| of_operation(&error))?;
    Ok(Json(judged(shown, &validated)).into_response())
}

/// The folder or file that a path names.
fn path(front: &Front, plugin_path: &str, manifest_path: Option<&str>) -> Result<Source, Refused> {
    let source = plugin_path.parse::<Source>().map_err(|error| of_operation(&error.into()))?;
    if matches!(source, Source::Git { .. } | Source::Upload(_)) {
        let detail = "`pluginPath` is not a path; use POST /api/plugins/load for git URLs and uploads";
        return Err(Refused::new(StatusCode::BAD_REQUEST, "local_path", detail));
    }
    front.host.with_manifest(&source, manifest_path).map_err(|error| of_operation(&error))?;
    Ok(source)
}

fn is_local(plugin: &PluginView) -> bool {
    let source = plugin.desired.as_ref().map(|desired| &desired.current.source);
    matches!(source, Some(Source::Folder(_) | Source::Archive(_) | Source::Library(_)))
}
