//! Login, logout, and the current caller.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_core::Role;
use host_core::access::Rights;
use http::StatusCode;

use crate::access::Session;
use crate::access::audit_context::{self, AuditContext, ClientAddress};
use crate::access::caller::Caller;
use crate::state::AppState;
use crate::wire::input::SecretJson;
use crate::wire::problem::ApiError;
use crate::wire::rights;
use crate::wire::security_headers::no_store;

type ApiResult = Result<Response, ApiError>;

/// Creates a session for a valid password. Failed logins are summarized in the audit log, successful ones are
/// recorded individually.
pub(crate) async fn login(
    State(app): State<AppState>,
    audit: AuditContext,
    axum::Extension(address): axum::Extension<ClientAddress>,
    SecretJson(asked): SecretJson<api::LoginRequest>,
) -> ApiResult {
    let api::LoginRequest { username, password } = asked;
    let Session { token, expires_unix_ms, rights, user, .. } =
        create_session(&app, audit, address, username, password).await?;
    let role = rights.role.map(|role| role.to_string());
    let user = api::LoginUser { username: user, role, permissions: shown_permissions(&rights) };
    Ok(no_store(Json(api::Login { token, expires_unix_ms, user }).into_response()))
}

/// Checks a password, creates a session and records both in the audit log.
pub(crate) async fn create_session(
    app: &AppState,
    mut audit: AuditContext,
    address: ClientAddress,
    username: String,
    password: String,
) -> Result<Session, ApiError> {
    let user = match app.access.check_password(&username, password, address.0).await {
        Ok(user) => user,
        Err(refused) => {
            audit.refused(&app.host, &app.access, &refused).await;
            return Err(refused);
        }
    };
    audit.by_name(format!("login:{}", user.name));
    audit.subject().object(user.name.as_str());
    let asked = audit.asked(&app.host).await?;
    let created = app.access.create_session(&user).await;
    let response = match &created {
        Ok(session) => {
            audit.by_token(&session.id);
            StatusCode::OK.into_response()
        }
        Err(refused) => refused.clone().into_response(),
    };
    let told = audit.end(asked, &response);
    audit_context::write(&app.host, vec![told]).await;
    created
}

/// Ends the session of the sent token.
pub(crate) async fn logout(State(app): State<AppState>, caller: Caller) -> ApiResult {
    let held = app.access.token(&caller.token);
    if held.is_none_or(|held| held.record.login.is_none()) {
        let detail = "this token is not a session: it was not created by a login";
        return Err(ApiError::new(StatusCode::CONFLICT, "auth_no_session", detail)
            .fix("revoke a token with DELETE /api/tokens/{id}"));
    }
    app.access.revoke(&caller.token).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Returns the caller and its rights.
pub(crate) async fn me(State(app): State<AppState>, caller: Caller) -> Response {
    no_store(Json(shown(&app, &caller)).into_response())
}

/// Returns a caller and its rights as the API shows them.
pub(crate) fn shown(app: &AppState, caller: &Caller) -> api::Me {
    let held = app.access.token(&caller.token);
    let record = held.as_ref().map(|held| &held.record);
    let (principal, rights) = (&caller.principal, rights::shown(&caller.principal.rights));
    let user = record.and_then(|record| record.login.as_ref()).map(ToString::to_string);
    api::Me {
        username: user.unwrap_or_else(|| principal.name.clone()),
        actor: principal.name.clone(),
        permissions: shown_permissions(&principal.rights),
        role: rights.role,
        grants: rights.grants,
        scopes: rights.scopes,
        expires_unix_ms: record.and_then(|record| record.expires_unix_ms),
    }
}

/// The permissions that a console can check: the permissions of the role, and the permissions that endpoints can
/// require.
fn shown_permissions(rights: &Rights) -> Vec<String> {
    let of_role = [(Role::Viewer, "read"), (Role::Operator, "write"), (Role::Admin, "admin")];
    let of_role = of_role.iter().filter(|(role, _)| rights.role >= Some(*role)).map(|(_, word)| (*word).to_owned());
    of_role.chain(rights.permissions.iter().map(ToString::to_string)).collect()
}
