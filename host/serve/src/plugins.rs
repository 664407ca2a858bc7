//! Installing, looking at, replacing and removing plugins.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use host_api as api;
use host_core::{Revision, Source};
use host_run::{Job, LoadOptions, Operation};
use http::StatusCode;
use http::header::{HeaderValue, LOCATION};
use serde::Deserialize;

use crate::error::of_operation;
use crate::input::{Asking, Id, Input, Parameters};
use crate::moment::At;
use crate::problem::Refused;
use crate::revisions;
use crate::routes::Front;
use crate::view;

type Answer = Result<Response, Refused>;

/// What is installed; with `?at=` what was asked for then.
pub(crate) async fn list(State(front): State<Front>, Parameters(at): Parameters<At>) -> Answer {
    if let Some(at_unix_ms) = at.unix_ms()? {
        return revisions::asked_at(&front, at_unix_ms).await;
    }
    let plugins = front.host.plugins();
    let plugins = plugins.iter().map(|plugin| (plugin.id.to_string(), view::item(plugin)));
    let plugins = plugins.collect::<std::collections::BTreeMap<_, _>>();
    Ok(Json(api::PluginList { count: plugins.len(), plugins }).into_response())
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
    let malformed = |error: host_core::SourceError| of_operation(&error.into());
    let mut source = asked.source.parse::<Source>().map_err(malformed)?;
    let version = asked.version.as_deref().unwrap_or_default().parse::<Revision>().map_err(malformed)?;
    if version != Revision::Latest {
        let Source::Git { revision, .. } = &mut source else {
            let detail = "`version` chooses a branch, tag or commit of a git URL; this source has none";
            return Err(Refused::new(StatusCode::BAD_REQUEST, "source_version", detail));
        };
        // A version beside the URL says more than one in it.
        *revision = version;
    }
    let (configuration, start) = (asked.config, asked.start.unwrap_or(true));
    let options = LoadOptions { configuration, start, ..LoadOptions::default() };
    let operation = Operation::Load { source, trust: host_run::Trust::Http, options };
    run(&front, asking, operation).await
}

/// The body of `POST /api/plugins/install/:uploadId`, which may be empty.
#[derive(Deserialize)]
pub(crate) struct InstallRequest {
    config: Option<serde_json::Map<String, serde_json::Value>>,
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
    asking: Asking,
    Parameters(Cascade { cascade }): Parameters<Cascade>,
) -> Answer {
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

/// The body of `POST /api/plugins/:id/rollback`, which may be empty.
#[derive(Deserialize)]
pub(crate) struct RollbackRequest {
    /// A version, commit or artifact; the one before when absent.
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
#[derive(Deserialize)]
pub(crate) struct Keep {
    #[serde(default)]
    keep_data: bool,
    #[serde(default)]
    cascade: bool,
}

/// `?cascade=true`: those that need it are disabled first.
#[derive(Deserialize)]
pub(crate) struct Cascade {
    #[serde(default)]
    cascade: bool,
}

pub(crate) async fn unload(
    State(front): State<Front>,
    Id(id): Id,
    asking: Asking,
    Parameters(Keep { keep_data, cascade }): Parameters<Keep>,
) -> Answer {
    run(&front, asking, Operation::Unload { id, keep_data, cascade }).await
}

/// Runs an operation as a job: answers at its end, or at once when the client would rather watch.
pub(crate) async fn run(front: &Front, asking: Asking, operation: Operation) -> Answer {
    let job = front.host.submit(operation, asking.asker).await.map_err(|error| of_operation(&error))?;
    answer(&job, asking.respond_async).await
}

/// Answers at the end of a job, or at once when the client would rather watch.
pub(crate) async fn answer(job: &Job, respond_async: bool) -> Answer {
    if respond_async {
        let mut response = (StatusCode::ACCEPTED, Json(view::job(&job.view()))).into_response();
        let location = HeaderValue::try_from(format!("/api/jobs/{}", job.id()));
        if let Ok(location) = location {
            response.headers_mut().insert(LOCATION, location);
        }
        response.headers_mut().insert("preference-applied", HeaderValue::from_static("respond-async"));
        return Ok(response);
    }
    match job.wait().await {
        Ok(receipt) => Ok(Json(view::asked(&receipt, &job.view())).into_response()),
        Err(error) => Err(of_operation(&error)),
    }
}

pub(crate) fn unknown(id: &str) -> Refused {
    of_operation(&host_run::Error::UnknownPlugin { id: id.chars().filter(|c| !c.is_control()).take(60).collect() })
}
