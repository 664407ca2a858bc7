//! Newer versions: what is known of them, which are taken, and taking one.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_core::Revision;
use host_run::Operation;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::operation::request::Asking;
use crate::operation::run::{run, unknown};
use crate::state::Front;
use crate::wire::input::{Id, IdAnd, Input, Parameters, Whole};
use crate::wire::outcome::of_operation;
use crate::wire::problem::Refused;
use crate::wire::update_request;
use crate::wire::view;

type Answer = Result<Response, Refused>;

/// `?check=true`: ask the repository now.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Check {
    /// Checks the repository now instead of returning the last result.
    #[serde(default)]
    check: bool,
}

pub(crate) async fn get(
    State(front): State<Front>,
    Id(id): Id,
    Parameters(Check { check }): Parameters<Check>,
) -> Answer {
    if check {
        front.host.look_for_updates(&id).await.map_err(|error| of_operation(&error))?;
    }
    let plugin = front.host.plugin(&id).ok_or_else(|| unknown(&id))?;
    let desired = plugin.desired.ok_or_else(|| unknown(&id))?;
    let (source, report) = (&desired.current.source, plugin.update_report.as_ref());
    Ok(Json(view::updates(&id, source, &desired.update, &desired.blocked, report)).into_response())
}

/// Replaces the rule. What is blocked stays, unless the body says what is.
pub(crate) async fn put_rule(
    State(front): State<Front>,
    Id(id): Id,
    asking: Asking,
    Whole(asked): Whole<api::UpdateRuleRequest>,
) -> Answer {
    let (rule, blocked) = update_request::rule_asked(&asked)?;
    run(&front, asking, Operation::SetUpdateRule { id, rule, blocked }).await
}

/// Keeps updates from choosing a version.
pub(crate) async fn block(State(front): State<Front>, IdAnd(id, version): IdAnd<String>, asking: Asking) -> Answer {
    let version = update_request::version_asked(&version)?;
    run(&front, asking, Operation::BlockVersion { id, version, blocked: true }).await
}

/// Lets updates choose a version again.
pub(crate) async fn unblock(State(front): State<Front>, IdAnd(id, version): IdAnd<String>, asking: Asking) -> Answer {
    let version = update_request::version_asked(&version)?;
    run(&front, asking, Operation::BlockVersion { id, version, blocked: false }).await
}

/// Takes the version that is named, or the newest that the rule allows.
pub(crate) async fn update(
    State(front): State<Front>,
    Id(id): Id,
    asking: Asking,
    Input(asked): Input<api::UpdateRequest>,
) -> Answer {
    let malformed = |error: host_core::SourceError| of_operation(&error.into());
    let named = asked.version.as_deref().unwrap_or_default().parse::<Revision>().map_err(malformed)?;
    let to = Some(named).filter(|named| *named != Revision::Latest);
    run(&front, asking, Operation::Update { id, to, automatic: false }).await
}
