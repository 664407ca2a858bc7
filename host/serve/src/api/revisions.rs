//! What was asked for, when and by whom; what was asked for at a moment; asking for it again.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_run::{AskedThen, Difference, Operation, Past, RevisionPage, RevisionView};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::operation::request::Asking;
use crate::operation::run::run;
use crate::state::Front;
use crate::wire::input::{Id, IdAnd, Parameters};
use crate::wire::outcome::of_operation;
use crate::wire::problem::Refused;

type Answer = Result<Response, Refused>;

/// Revisions on a page, unless asked otherwise; and at most.
const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// `?limit=&before=`: how many, and from where on.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Part {
    /// Maximum number of revisions; 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// Lists only revisions before this one.
    before: Option<u64>,
}

pub(crate) async fn list_all(State(front): State<Front>, Parameters(part): Parameters<Part>) -> Answer {
    page(&front, None, &part).await
}

pub(crate) async fn list(State(front): State<Front>, Id(id): Id, Parameters(part): Parameters<Part>) -> Answer {
    page(&front, Some(&id), &part).await
}

async fn page(front: &Front, id: Option<&str>, part: &Part) -> Answer {
    let limit = part.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let detail = format!("`limit` must be from 1 to {MAX_LIMIT}");
        return Err(Refused::new(StatusCode::BAD_REQUEST, "query_does_not_fit", detail));
    }
    let page = front.host.revisions(id, part.before, limit).await.map_err(|error| of_operation(&error))?;
    let RevisionPage { revisions, next } = page;
    let revisions = revisions.into_iter().map(|view| api::Revision { desired: None, ..revision(view) }).collect();
    Ok(Json(api::RevisionList { revisions, next }).into_response())
}

pub(crate) async fn get(State(front): State<Front>, IdAnd(id, number): IdAnd<u64>) -> Answer {
    let view = front.host.revision(&id, number).await.map_err(|error| of_operation(&error))?;
    Ok(Json(revision(view)).into_response())
}

/// `?with=M`: the other revision; without it the one before.
#[derive(Deserialize, IntoParams)]
pub(crate) struct With {
    /// The revision to compare with; the previous one when absent.
    with: Option<u64>,
}

pub(crate) async fn diff(
    State(front): State<Front>,
    IdAnd(id, number): IdAnd<u64>,
    Parameters(With { with }): Parameters<With>,
) -> Answer {
    let found = front.host.changes(&id, number, with).await.map_err(|error| of_operation(&error))?;
    let changes = found.changes.into_iter().map(change).collect();
    Ok(Json(api::RevisionDiff { plugin: id, from: found.from, to: found.to, changes }).into_response())
}

pub(crate) async fn restore(State(front): State<Front>, IdAnd(id, revision): IdAnd<u64>, asking: Asking) -> Answer {
    run(&front, asking, Operation::Restore { id, revision }).await
}

/// What was asked for of all plugins at a moment, of those that may be seen.
pub(crate) async fn asked_at(front: &Front, at_unix_ms: u64, is_seen: impl Fn(&str) -> bool) -> Answer {
    let Past { plugins, mut damaged } = past(front, at_unix_ms).await?;
    damaged.retain(|id| is_seen(id));
    let plugins = plugins.iter().filter(|then| is_seen(then.desired.id.as_str()));
    let plugins: BTreeMap<_, _> = plugins.map(|then| (then.desired.id.to_string(), asked(then))).collect();
    Ok(Json(api::AskedPlugins { at_unix_ms, count: plugins.len(), plugins, damaged }).into_response())
}

/// The same of one.
pub(crate) async fn asked_of_one_at(front: &Front, id: &str, at_unix_ms: u64) -> Answer {
    let Past { plugins, damaged } = past(front, at_unix_ms).await?;
    if let Some(then) = plugins.iter().find(|then| then.desired.id.as_str() == id) {
        return Ok(Json(asked(then)).into_response());
    }
    let shown: String = id.chars().filter(|c| !c.is_control()).take(60).collect();
    Err(match damaged.iter().any(|damaged| damaged == id) {
        true => {
            let detail = format!("the desired state of plugin `{shown}` at that time is damaged on disk");
            Refused::new(StatusCode::INTERNAL_SERVER_ERROR, "state_damaged", detail)
        }
        false => {
            let detail = format!("plugin `{shown}` did not exist at that time");
            Refused::new(StatusCode::NOT_FOUND, "run_unknown_plugin", detail)
                .fix("`plugin-host revisions` lists all changes with their times")
        }
    })
}

async fn past(front: &Front, at_unix_ms: u64) -> Result<Past, Refused> {
    front.host.plugins_at(at_unix_ms).await.map_err(|error| of_operation(&error))
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

fn change(Difference { pointer, before, after }: Difference) -> api::Change {
    api::Change { pointer, before, after }
}

fn asked(then: &AskedThen) -> api::AskedPlugin {
    let current = &then.desired.current;
    api::AskedPlugin {
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
