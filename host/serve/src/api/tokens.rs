//! Tokens: list, creation and revocation.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_call::now_unix_ms;
use host_core::access::Rights;
use http::StatusCode;

use crate::access::audit_context::AuditSubject;
use crate::access::caller::Caller;
use crate::access::{NewToken, StoredToken};
use crate::state::AppState;
use crate::wire::input::{PathId, RequiredJson};
use crate::wire::problem::ApiError;
use crate::wire::rights::{RightsRequest, field, grants_without_plugin, name, refused, shown};
use crate::wire::security_headers::no_store;

/// Longest lifetime: ten years. A token without `expires_seconds` does not expire.
const MAX_SECONDS: u64 = 10 * 366 * 24 * 60 * 60;

pub(crate) async fn list(State(app): State<AppState>) -> Response {
    let now_ms = now_unix_ms();
    let tokens = app.access.tokens().iter().map(|held| token(held, now_ms)).collect();
    no_store(Json(api::TokenList { tokens }).into_response())
}

pub(crate) async fn create(
    State(app): State<AppState>,
    caller: Caller,
    subject: AuditSubject,
    RequiredJson(asked): RequiredJson<api::NewToken>,
) -> Result<Response, ApiError> {
    let mut errors = vec![];
    let name = name("name", &asked.name, &mut errors);
    let asked_rights = RightsRequest {
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
    let warnings = grants_without_plugin(&app.host, &rights);
    let new = NewToken { name, rights, expires_unix_ms, created_by: caller.principal.name.clone() };
    let (text, held) = app.access.create_token(new).await?;
    subject.object(&*held.id);
    let made = api::CreatedToken { token: text, made: token(&held, now_unix_ms()), warnings };
    Ok(no_store((StatusCode::CREATED, Json(made)).into_response()))
}

pub(crate) async fn revoke(State(app): State<AppState>, PathId(id): PathId) -> Result<StatusCode, ApiError> {
    app.access.revoke(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn token(held: &StoredToken, now_ms: u64) -> api::Token {
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
