//! A plugin's configuration: what its layers are, what is in use. Secrets are masked, and a mask that is sent back stands for
//! the secret that is set.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_run::{Operation, Settings};
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use serde_json::{Map, Value};

use crate::operation::request::Asking;
use crate::operation::run::{run, unknown};
use crate::state::Front;
use crate::wire::input::{Id, Whole};
use crate::wire::outcome::of_operation;
use crate::wire::problem::Refused;

pub(crate) async fn get(State(front): State<Front>, Id(id): Id) -> Result<Response, Refused> {
    let view = front.host.configuration(&id).map_err(|error| of_operation(&error))?.ok_or_else(|| unknown(&id))?;
    let answer = api::Configuration {
        id,
        revision: view.revision,
        configuration: view.effective,
        defaults: view.defaults,
        host_file: view.host_file,
        set: view.operator,
    };
    let mut response = Json(answer).into_response();
    if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", view.revision)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Replaces what the operator set by the object in the body.
pub(crate) async fn put(
    State(front): State<Front>,
    Id(id): Id,
    headers: HeaderMap,
    asking: Asking,
    // An empty body would read as "set nothing", which nobody means by sending nothing.
    Whole(configuration): Whole<Map<String, Value>>,
) -> Result<Response, Refused> {
    let expected = expected(&headers)?;
    run(&front, asking, Operation::Configure { id, change: Settings::Replace(configuration), expected }).await
}

/// Merges the object in the body into what the operator set (RFC 7396): null takes back what was set.
pub(crate) async fn patch(
    State(front): State<Front>,
    Id(id): Id,
    headers: HeaderMap,
    asking: Asking,
    Whole(patch): Whole<Map<String, Value>>,
) -> Result<Response, Refused> {
    let expected = expected(&headers)?;
    run(&front, asking, Operation::Configure { id, change: Settings::Merge(patch), expected }).await
}

/// The revision that `If-Match` asks for, if it asks for one.
fn expected(headers: &HeaderMap) -> Result<Option<u64>, Refused> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let revision = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')?.parse().ok());
    // A tag that this host never gave fits nothing.
    revision.map(Some).ok_or_else(|| {
        Refused::new(
            StatusCode::PRECONDITION_FAILED,
            "state_stale",
            "`If-Match` is not an `ETag` of this configuration",
        )
        .fix("repeat the change with the current `ETag`, as returned by GET")
    })
}
