//! Tokens: who has which, making and revoking them.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_core::access::Rights;
use http::StatusCode;

use crate::access::audit_context::Touched;
use crate::access::caller::Caller;
use crate::access::{Held, NewAccount, now_unix_ms};
use crate::state::Front;
use crate::wire::input::{Id, Whole};
use crate::wire::problem::Refused;
use crate::wire::rights::{Asked, field, name, refused, shown};
use crate::wire::security_headers::no_store;

/// Ten years: whoever wants a token for longer wants one that does not expire.
const MAX_SECONDS: u64 = 10 * 366 * 24 * 60 * 60;
pub(crate) async fn list(State(front): State<Front>) -> Response {
    let now_ms = now_unix_ms();
    let tokens = front.access.tokens().iter().map(|held| token(held, now_ms)).collect();
    no_store(Json(api::TokenList { tokens }).into_response())
}

pub(crate) async fn create(
    State(front): State<Front>,
    caller: Caller,
    touched: Touched,
    Whole(asked): Whole<api::NewToken>,
) -> Result<Response, Refused> {
    let mut errors = vec![];
    let name = name("name", &asked.name, &mut errors);
    let asked_rights = Asked {
        role: asked.role.as_deref(),
        grants: &asked.grants,
        permissions: &asked.permissions,
        scopes: &asked.scopes,
    };
    let rights = asked_rights.read(&mut errors);
    if asked.expires_seconds.is_some_and(|seconds| !(1..=MAX_SECONDS).contains(&seconds)) {
        errors.push(field("expires_seconds", format!("must be from 1 to {MAX_SECONDS}")));
    }
    if rights == Rights::default() && errors.is_empty() {
        errors.push(field("role", "a token needs at least one role, grant, permission or scope"));
    }
    let Some(name) = name.filter(|_| errors.is_empty()) else { return Err(refused("the token", errors)) };
    let expires_unix_ms = asked.expires_seconds.map(|seconds| now_unix_ms().saturating_add(seconds * 1_000));
    let new = NewAccount { name, rights, expires_unix_ms, created_by: caller.principal.name.clone() };
    let (text, held) = front.access.make_token(new).await?;
    touched.object(&*held.id);
    let made = api::TokenMade { token: text, made: token(&held, now_unix_ms()) };
    Ok(no_store((StatusCode::CREATED, Json(made)).into_response()))
}

pub(crate) async fn revoke(State(front): State<Front>, Id(id): Id) -> Result<StatusCode, Refused> {
    front.access.revoke(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn token(held: &Held, now_ms: u64) -> api::Token {
    let record = &held.record;
    let state = match (record.revoked_unix_ms, held.is_expired(now_ms)) {
        (Some(_), _) => "revoked",
        (None, true) => "expired",
        (None, false) => "valid",
    };
    api::Token {
        id: record.id.clone(),
        name: record.name.clone(),
        rights: shown(&record.rights),
        user: record.login.as_ref().map(ToString::to_string),
        created_by: record.created_by.clone(),
        created_unix_ms: record.created_unix_ms,
        expires_unix_ms: record.expires_unix_ms,
        last_used_unix_ms: held.last_used_unix_ms(),
        revoked_unix_ms: record.revoked_unix_ms,
        state: state.to_owned(),
    }
}
