//! A plugin's configuration: what plugin.yaml gives, what the operator set, what is in use.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_run::Operation;
use serde_json::{Map, Value};

use crate::caller::Operator;
use crate::input::{Asking, Id, Whole};
use crate::plugins::{run, unknown};
use crate::problem::Refused;
use crate::routes::Front;

pub(crate) async fn get(_: Operator, State(front): State<Front>, Id(id): Id) -> Result<Response, Refused> {
    let plugin = front.host.plugin(&id).ok_or_else(|| unknown(&id))?;
    let defaults = plugin.manifest.map(|manifest| manifest.configuration.clone()).unwrap_or_default();
    let mut configuration = defaults.clone();
    let set = plugin.desired.map(|desired| desired.configuration).unwrap_or_default();
    configuration.extend(set.clone());
    let (id, revision) = (plugin.id.to_string(), plugin.revision);
    let answer = api::Configuration { id, revision, configuration, defaults, set };
    Ok(Json(answer).into_response())
}

/// Replaces what the operator set by the object in the body.
pub(crate) async fn put(
    _: Operator,
    State(front): State<Front>,
    Id(id): Id,
    asking: Asking,
    // An empty body would read as "set nothing", which nobody means by sending nothing.
    Whole(configuration): Whole<Map<String, Value>>,
) -> Result<Response, Refused> {
    run(&front, asking, Operation::Configure { id, configuration, expected: None }).await
}
