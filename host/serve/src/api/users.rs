//! Users, who log in with a password.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_core::access::Rights;
use host_state::UserRecord;
use http::StatusCode;

use crate::access::audit_context::AuditSubject;
use crate::state::AppState;
use crate::wire::input::{PathId, SecretJson};
use crate::wire::problem::ApiError;
use crate::wire::rights::{RightsRequest, grants_without_plugin, name, refused, shown};
use crate::wire::security_headers::no_store;

/// The value of `role` that removes the role.
const NO_ROLE: &str = "none";

pub(crate) async fn list(State(app): State<AppState>) -> Response {
    let users = app.access.users().into_iter().map(|(record, n_sessions)| user(&record, n_sessions)).collect();
    no_store(Json(api::UserList { users }).into_response())
}

pub(crate) async fn get(State(app): State<AppState>, PathId(name): PathId) -> Result<Response, ApiError> {
    let (record, n_sessions) = app.access.user(&name)?;
    Ok(no_store(Json(user(&record, n_sessions)).into_response()))
}

pub(crate) async fn create(
    State(app): State<AppState>,
    subject: AuditSubject,
    SecretJson(asked): SecretJson<api::NewUser>,
) -> Result<Response, ApiError> {
    let mut errors = vec![];
    let name = name("username", &asked.username, &mut errors);
    let asked_rights = RightsRequest {
        role: asked.role.as_deref(),
        grants: &asked.grants,
        permissions: &asked.permissions,
        scopes: &asked.scopes,
    };
    let rights = asked_rights.read(&mut errors);
    let Some(name) = name.filter(|_| errors.is_empty()) else { return Err(refused("the user", errors)) };
    subject.object(name.as_str());
    let record = app.access.create_user(name, asked.password, rights).await?;
    let mut warnings = grants_without_plugin(&app.host, &record.rights);
    if record.rights == Rights::default() {
        warnings.push(format!(
            "the user has no rights; give a role by `plugin-host user set {} --role viewer`, or a grant, permission or scope",
            record.name
        ));
    }
    Ok((StatusCode::CREATED, Json(api::User { warnings, ..user(&record, 0) })).into_response())
}

/// Changes the fields in the body and ends the user's sessions.
pub(crate) async fn change(
    State(app): State<AppState>,
    PathId(name): PathId,
    SecretJson(asked): SecretJson<api::UserChange>,
) -> Result<Response, ApiError> {
    let role = asked.role.as_deref();
    let grants = asked.grants.clone().unwrap_or_default();
    let permissions = asked.permissions.clone().unwrap_or_default();
    let scopes = asked.scopes.clone().unwrap_or_default();
    let mut errors = vec![];
    let asked_rights = RightsRequest {
        role: role.filter(|role| *role != NO_ROLE),
        grants: &grants,
        permissions: &permissions,
        scopes: &scopes,
    };
    let new = asked_rights.read(&mut errors);
    if !errors.is_empty() {
        return Err(refused("the change", errors));
    }
    let edit = |user: &mut UserRecord| {
        let Rights { role: old_role, grants: old_grants, permissions: old_permissions, scopes: old_scopes } =
            std::mem::take(&mut user.rights);
        user.rights = Rights {
            role: if asked.role.is_some() { new.role } else { old_role },
            grants: if asked.grants.is_some() { new.grants } else { old_grants },
            permissions: if asked.permissions.is_some() { new.permissions } else { old_permissions },
            scopes: if asked.scopes.is_some() { new.scopes } else { old_scopes },
        };
        user.disabled = asked.disabled.unwrap_or(user.disabled);
    };
    let record = app.access.change_user(&name, asked.password, edit).await?;
    let warnings = grants_without_plugin(&app.host, &record.rights);
    Ok(Json(api::User { warnings, ..user(&record, 0) }).into_response())
}

pub(crate) async fn remove(State(app): State<AppState>, PathId(name): PathId) -> Result<StatusCode, ApiError> {
    app.access.remove_user(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn user(record: &UserRecord, n_sessions: usize) -> api::User {
    api::User {
        username: record.name.to_string(),
        rights: shown(&record.rights),
        disabled: record.disabled,
        created_unix_ms: record.created_unix_ms,
        changed_unix_ms: record.changed_unix_ms,
        sessions: n_sessions,
        warnings: vec![],
    }
}
