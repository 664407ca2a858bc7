//! Logging in and out with a password, and who one is.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use host_core::Role;
use host_core::access::Rights;
use http::StatusCode;

use crate::access::Session;
use crate::access::audit_context::{self, ClientAddress, Trail};
use crate::access::caller::Caller;
use crate::state::Front;
use crate::wire::input::Secret;
use crate::wire::problem::Refused;
use crate::wire::rights;
use crate::wire::security_headers::no_store;

type Answer = Result<Response, Refused>;

/// Gives a session to who knows a user's password. Failures are told to the audit log summed up, a login one by one.
pub(crate) async fn login(
    State(front): State<Front>,
    mut trail: Trail,
    axum::Extension(address): axum::Extension<ClientAddress>,
    Secret(asked): Secret<api::LoginRequest>,
) -> Answer {
    let api::LoginRequest { username, password } = asked;
    let user = match front.access.check_password(&username, password, address.0).await {
        Ok(user) => user,
        Err(refused) => {
            trail.refused(&front.host, &front.access, &refused).await;
            return Err(refused);
        }
    };
    trail.by_name(format!("login:{}", user.name));
    trail.touched().object(user.name.as_str());
    let asked = trail.asked(&front.host).await?;
    let begun = front.access.begin_session(&user).await;
    let response = match begun {
        Ok(session) => {
            trail.by_token(&session.id);
            logged_in(session, user.name.to_string())
        }
        Err(refused) => refused.into_response(),
    };
    let told = trail.end(asked, &response);
    audit_context::write(&front.host, vec![told]).await;
    Ok(response)
}

fn logged_in(session: Session, username: String) -> Response {
    let Session { token, expires_unix_ms, rights, .. } = session;
    let role = rights.role.map(|role| role.to_string());
    let user = api::LoginUser { username, role, permissions: shown_permissions(&rights) };
    no_store(Json(api::Login { token, expires_unix_ms, user }).into_response())
}

/// Ends the session whose token is sent along.
pub(crate) async fn logout(State(front): State<Front>, caller: Caller) -> Answer {
    let held = front.access.token(&caller.token);
    if held.is_none_or(|held| held.record.login.is_none()) {
        let detail = "this token is not a session: it was not created by a login";
        return Err(Refused::new(StatusCode::CONFLICT, "auth_no_session", detail)
            .fix("revoke a token with DELETE /api/tokens/{id}"));
    }
    front.access.revoke(&caller.token).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Who asks, and what they may do.
pub(crate) async fn me(State(front): State<Front>, caller: Caller) -> Response {
    let held = front.access.token(&caller.token);
    let record = held.as_ref().map(|held| &held.record);
    let (principal, rights) = (&caller.principal, rights::shown(&caller.principal.rights));
    let user = record.and_then(|record| record.login.as_ref()).map(ToString::to_string);
    let me = api::Me {
        username: user.unwrap_or_else(|| principal.name.clone()),
        actor: principal.name.clone(),
        permissions: shown_permissions(&principal.rights),
        role: rights.role,
        grants: rights.grants,
        scopes: rights.scopes,
        expires_unix_ms: record.and_then(|record| record.expires_unix_ms),
    };
    no_store(Json(me).into_response())
}

/// What a console may offer: what the role lets them do with the host, and the words that endpoints ask for.
fn shown_permissions(rights: &Rights) -> Vec<String> {
    let of_role = [(Role::Viewer, "read"), (Role::Operator, "write"), (Role::Admin, "admin")];
    let of_role = of_role.iter().filter(|(role, _)| rights.role >= Some(*role)).map(|(_, word)| (*word).to_owned());
    of_role.chain(rights.permissions.iter().map(ToString::to_string)).collect()
}
