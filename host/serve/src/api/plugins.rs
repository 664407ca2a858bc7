//! Installing, looking at, replacing and removing plugins.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use host_api as api;
use host_core::Role;
use host_run::{LoadOptions, Operation};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::access::caller::Caller;
use crate::api::revisions;
use crate::operation::request::Asking;
use crate::operation::run::{run, unknown};
use crate::operation::source::source_asked;
use crate::state::Front;
use crate::wire::input::{Id, Input, Parameters};
use crate::wire::moment::At;
use crate::wire::plugin_list::{ListQuery, chosen};
use crate::wire::problem::Refused;
use crate::wire::view;

type Answer = Result<Response, Refused>;

/// What is installed, all or what the query chooses; with `?at=` what was asked for then. Who has grants only sees the plugins
/// of those.
pub(crate) async fn list(
    State(front): State<Front>,
    caller: Caller,
    Parameters(at): Parameters<At>,
    Parameters(query): Parameters<ListQuery>,
) -> Answer {
    let is_seen = |id: &str| caller.principal.may(Role::Viewer, Some(id));
    if let Some(at_unix_ms) = at.unix_ms()? {
        return revisions::asked_at(&front, at_unix_ms, is_seen).await;
    }
    let plugins = front.host.plugins();
    let plugins = plugins.iter().filter(|plugin| is_seen(plugin.id.as_str()));
    Ok(Json(chosen(plugins.map(view::item).collect(), &query)?).into_response())
}

/// One plugin; with `?at=` what was asked for of it then.
pub(crate) async fn get(State(front): State<Front>, Id(id): Id, Parameters(at): Parameters<At>) -> Answer {
    if let Some(at_unix_ms) = at.unix_ms()? {
        return revisions::asked_of_one_at(&front, &id, at_unix_ms).await;
    }
    let plugin = front.host.plugin(&id).ok_or_else(|| unknown(&id))?;
    Ok(Json(view::plugin(&plugin)).into_response())
}

pub(crate) async fn status(State(front): State<Front>, Id(id): Id) -> Answer {
    let plugin = front.host.plugin(&id).ok_or_else(|| unknown(&id))?;
    Ok(Json(view::state(&plugin)).into_response())
}

pub(crate) async fn load(State(front): State<Front>, asking: Asking, Input(asked): Input<api::LoadRequest>) -> Answer {
    let (source, must_be) = source_asked(&front, &asked.source, asked.version.as_deref()).await?;
    let (configuration, start) = (asked.config, asked.start.unwrap_or(true));
    let options = LoadOptions { configuration, start, ..must_be };
    let operation = Operation::Load { source, trust: host_run::Trust::Http, options };
    run(&front, asking, operation).await
}

/// Request body of `POST /api/plugins/install/:uploadId`, which may be empty.
#[derive(Deserialize, ToSchema)]
pub(crate) struct InstallRequest {
    /// Operator configuration that overrides the manifest's defaults.
    config: Option<serde_json::Map<String, serde_json::Value>>,
    /// Starts the plugin after the installation; true when absent.
    start: Option<bool>,
}

pub(crate) async fn install(
    State(front): State<Front>,
    Id(upload): Id,
    asking: Asking,
    Input(asked): Input<InstallRequest>,
) -> Answer {
    let (configuration, start) = (asked.config, asked.start.unwrap_or(true));
    let options = LoadOptions { configuration, start, ..LoadOptions::default() };
    run(&front, asking, Operation::Install { upload, options }).await
}

pub(crate) async fn reload(State(front): State<Front>, Id(id): Id, asking: Asking) -> Answer {
    run(&front, asking, Operation::Reload { id }).await
}

pub(crate) async fn enable(State(front): State<Front>, Id(id): Id, asking: Asking) -> Answer {
    run(&front, asking, Operation::Enable { id }).await
}

pub(crate) async fn disable(
    State(front): State<Front>,
    Id(id): Id,
    caller: Caller,
    asking: Asking,
    Parameters(Cascade { cascade }): Parameters<Cascade>,
) -> Answer {
    if cascade {
        // It changes other plugins too.
        caller.need_for_all(Role::Operator)?;
    }
    run(&front, asking, Operation::Disable { id, cascade }).await
}

pub(crate) async fn restart(State(front): State<Front>, Id(id): Id, asking: Asking) -> Answer {
    run(&front, asking, Operation::Restart { id }).await
}

pub(crate) async fn start(State(front): State<Front>, Id(id): Id, asking: Asking) -> Answer {
    run(&front, asking, Operation::Start { id }).await
}

pub(crate) async fn stop(State(front): State<Front>, Id(id): Id, asking: Asking) -> Answer {
    run(&front, asking, Operation::Stop { id }).await
}

/// Request body of `POST /api/plugins/:id/rollback`, which may be empty.
#[derive(Deserialize, ToSchema)]
pub(crate) struct RollbackRequest {
    /// A version, commit or artifact digest; the previous version when absent.
    to: Option<String>,
}

pub(crate) async fn rollback(
    State(front): State<Front>,
    Id(id): Id,
    asking: Asking,
    Input(RollbackRequest { to }): Input<RollbackRequest>,
) -> Answer {
    run(&front, asking, Operation::Rollback { id, to, because: None }).await
}

/// `?keep_data=true`: what the host keeps for the plugin stays. `?cascade=true`: those that need it go first.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Keep {
    /// Keeps the data that the host stores for the plugin.
    #[serde(default)]
    keep_data: bool,
    /// Also unloads the plugins that depend on it, before this one.
    #[serde(default)]
    cascade: bool,
}

/// `?cascade=true`: those that need it are disabled first.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Cascade {
    /// Also disables the plugins that depend on it, before this one.
    #[serde(default)]
    cascade: bool,
}

pub(crate) async fn unload(
    State(front): State<Front>,
    Id(id): Id,
    caller: Caller,
    asking: Asking,
    Parameters(Keep { keep_data, cascade }): Parameters<Keep>,
) -> Answer {
    if cascade {
        caller.need_for_all(Role::Operator)?;
    }
    run(&front, asking, Operation::Unload { id, keep_data, cascade }).await
}
