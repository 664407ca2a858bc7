//! Revisions: the history of desired states, the desired state at a time, and its restoration.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_run::{Difference, Operation, PastPlugin, PastState, RevisionPage, RevisionView};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::operation::request::OperationRequest;
use crate::operation::run::run;
use crate::state::AppState;
use crate::wire::input::{PathId, PathIdAnd, QueryParams};
use crate::wire::problem::ApiError;

type ApiResult = Result<Response, ApiError>;

/// Default and maximum page size.
const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// The page of a revision list.
#[derive(Deserialize, IntoParams)]
pub(crate) struct RevisionPageQuery {
    /// Maximum number of revisions; 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// Lists only revisions before this one.
    before: Option<u64>,
}

pub(crate) async fn list_all(
    State(app): State<AppState>,
    QueryParams(part): QueryParams<RevisionPageQuery>,
) -> ApiResult {
    page(&app, None, &part).await
}

pub(crate) async fn list(
    State(app): State<AppState>,
    PathId(id): PathId,
    QueryParams(part): QueryParams<RevisionPageQuery>,
) -> ApiResult {
    page(&app, Some(&id), &part).await
}

async fn page(app: &AppState, id: Option<&str>, part: &RevisionPageQuery) -> ApiResult {
    let limit = part.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let detail = format!("`limit` must be from 1 to {MAX_LIMIT}");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "query_does_not_fit", detail));
    }
    let page = app.host.revisions(id, part.before, limit).await?;
    let RevisionPage { revisions, next } = page;
    let revisions = revisions.into_iter().map(|view| api::Revision { desired: None, ..revision(view) }).collect();
    Ok(Json(api::RevisionList { revisions, next }).into_response())
}

pub(crate) async fn get(State(app): State<AppState>, PathIdAnd(id, number): PathIdAnd<u64>) -> ApiResult {
    let view = app.host.revision(&id, number).await?;
    Ok(Json(revision(view)).into_response())
}

/// The revision to compare with.
#[derive(Deserialize, IntoParams)]
pub(crate) struct RevisionDiffQuery {
    /// The revision to compare with; the previous one when absent.
    with: Option<u64>,
}

pub(crate) async fn diff(
    State(app): State<AppState>,
    PathIdAnd(id, number): PathIdAnd<u64>,
    QueryParams(RevisionDiffQuery { with }): QueryParams<RevisionDiffQuery>,
) -> ApiResult {
    let found = app.host.changes(&id, number, with).await?;
    let changes = found.changes.into_iter().map(change).collect();
    Ok(Json(api::RevisionDiff { plugin: id, from: found.from, to: found.to, changes }).into_response())
}

pub(crate) async fn restore(
    State(app): State<AppState>,
    PathIdAnd(id, revision): PathIdAnd<u64>,
    request: OperationRequest,
) -> ApiResult {
    run(&app, request, Operation::Restore { id, revision }).await
}

/// Returns the desired state of all visible plugins at a time.
pub(crate) async fn asked_at(app: &AppState, at_unix_ms: u64, is_seen: impl Fn(&str) -> bool) -> ApiResult {
    let PastState { plugins, mut damaged } = past(app, at_unix_ms).await?;
    damaged.retain(|id| is_seen(id));
    let plugins = plugins.iter().filter(|then| is_seen(then.desired.id.as_str()));
    let plugins: BTreeMap<_, _> = plugins.map(|then| (then.desired.id.to_string(), asked(then))).collect();
    Ok(Json(api::PastPlugins { at_unix_ms, count: plugins.len(), plugins, damaged }).into_response())
}

/// Returns the desired state of one plugin at a time.
pub(crate) async fn asked_of_one_at(app: &AppState, id: &str, at_unix_ms: u64) -> ApiResult {
    let PastState { plugins, damaged } = past(app, at_unix_ms).await?;
    if let Some(then) = plugins.iter().find(|then| then.desired.id.as_str() == id) {
        return Ok(Json(asked(then)).into_response());
    }
    let shown: String = host_core::shown(id, 60);
    Err(if damaged.iter().any(|damaged| damaged == id) {
        let detail = format!("the desired state of plugin `{shown}` at that time is damaged on disk");
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "state_damaged", detail)
    } else {
        let detail = format!("plugin `{shown}` did not exist at that time");
        ApiError::new(StatusCode::NOT_FOUND, "run_unknown_plugin", detail)
            .fix("`plugin-host revisions` lists all changes with their times")
    })
}

async fn past(app: &AppState, at_unix_ms: u64) -> Result<PastState, ApiError> {
    app.host.plugins_at(at_unix_ms).await.map_err(ApiError::from)
}

fn revision(view: RevisionView) -> api::Revision {
    let desired = view.asked.as_ref().map(|asked| &asked.desired);
    api::Revision {
        number: view.number,
        plugin: view.plugin.to_string(),
        at_unix_ms: view.at_unix_ms,
        actor: view.actor,
        operation: view.operation,
        reason: view.reason,
        goal: desired.map(|desired| desired.goal.as_str().to_owned()),
        version: desired.map(|desired| desired.current.version.to_string()),
        changes: view.changes.into_iter().map(change).collect(),
        desired: view.asked.map(|asked| asked.document),
    }
}

fn change(Difference { pointer, before, after }: Difference) -> api::RevisionChange {
    api::RevisionChange { pointer, before, after }
}

fn asked(then: &PastPlugin) -> api::PastPlugin {
    let current = &then.desired.current;
    api::PastPlugin {
        id: then.desired.id.to_string(),
        goal: then.desired.goal.as_str().to_owned(),
        version: current.version.to_string(),
        source: current.source.to_string(),
        commit: current.commit.clone(),
        artifact: current.artifact.to_string(),
        configuration: then.desired.configuration.clone(),
        revision: then.revision,
        since_unix_ms: then.since_unix_ms,
    }
}
