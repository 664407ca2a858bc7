//! Sessions of browsers: the token is stored in a cookie that scripts cannot read.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};

use crate::access::audit_context::{AuditContext, ClientAddress};
use crate::access::caller::{self, Caller, Identity};
use crate::access::session_cookie;
use crate::api::login;
use crate::state::AppState;
use crate::wire::input::SecretJson;
use crate::wire::problem::ApiError;
use crate::wire::security_headers::no_store;

type ApiResult = Result<Response, ApiError>;

/// Returns the caller, or null if the request has no valid token: the console calls this first to find out whether to
/// show the sign-in.
pub(crate) async fn get(
    State(app): State<AppState>,
    axum::Extension(address): axum::Extension<ClientAddress>,
    headers: HeaderMap,
) -> ApiResult {
    let caller = match app.access.caller(&headers, None, || address.0) {
        Ok(caller) => Some(login::shown(&app, &caller)),
        Err(refused) if refused.status == StatusCode::UNAUTHORIZED => None,
        Err(refused) => return Err(refused),
    };
    Ok(no_store(Json(api::BrowserSession { caller }).into_response()))
}

/// Signs a browser in with a user's password, which creates a session as `POST /login` does, or with a token.
pub(crate) async fn sign_in(
    State(app): State<AppState>,
    audit: AuditContext,
    axum::Extension(address): axum::Extension<ClientAddress>,
    headers: HeaderMap,
    SecretJson(asked): SecretJson<api::SessionRequest>,
) -> ApiResult {
    let token = match asked {
        api::SessionRequest { username: Some(username), password: Some(password), token: None } => {
            login::create_session(&app, audit.clone(), address, username, password).await?.token
        }
        api::SessionRequest { username: None, password: None, token: Some(token) } => {
            let token = token.trim();
            token.strip_prefix("Bearer ").unwrap_or(token).trim_start().to_owned()
        }
        _ => {
            let detail = "the body must have either `token`, or `username` and `password`";
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "body_does_not_fit", detail)
                .fix("send `{\"token\": \"…\"}` or `{\"username\": \"…\", \"password\": \"…\"}`"));
        }
    };
    let caller = match with_token(&app, &token, address) {
        Ok(caller) => caller,
        Err(refused) => {
            audit.refused(&app.host, &app.access, &refused).await;
            return Err(refused);
        }
    };
    let cookie = session_cookie::with_token(&headers, &token);
    Ok(with_cookie(no_store(Json(login::shown(&app, &caller)).into_response()), &cookie))
}

/// Returns the caller with this token. An invalid token counts as a failed attempt of the address; a text that cannot
/// be a token does not.
fn with_token(app: &AppState, token: &str, address: ClientAddress) -> Result<Caller, ApiError> {
    let wrong = |refused: ApiError| match refused.status {
        StatusCode::UNAUTHORIZED => refused.fix("the initial admin token is in `operator.token` in the plugin folder"),
        _ => refused,
    };
    let value = HeaderValue::try_from(format!("Bearer {token}")).ok().filter(|_| session_cookie::is_token(token));
    let value = value.ok_or_else(|| wrong(caller::unauthorized(&Identity::Unknown)))?;
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
    app.access.caller(&headers, None, || address.0).map_err(wrong)
}

/// Removes the cookie, and ends the session if it was created with a password. A token that was used to sign in stays
/// valid.
pub(crate) async fn sign_out(State(app): State<AppState>, caller: Caller, headers: HeaderMap) -> ApiResult {
    let is_session = app.access.token(&caller.token).is_some_and(|held| held.record.login.is_some());
    if is_session {
        app.access.revoke(&caller.token).await?;
    }
    Ok(with_cookie(StatusCode::NO_CONTENT.into_response(), &session_cookie::removed(&headers)))
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    response.headers_mut().extend(HeaderValue::try_from(cookie).ok().map(|cookie| (header::SET_COOKIE, cookie)));
    response
}
