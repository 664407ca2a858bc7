//! Sessions of browsers: the token is stored in a cookie that scripts cannot read.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use host_api as api;
use http::header::{self, HeaderValue};
use http::{HeaderMap, StatusCode};

use crate::access::audit_context::{AuditContext, ClientAddress};
use crate::access::caller::Caller;
use crate::access::session_cookie;
use crate::api::login;
use crate::state::AppState;
use crate::wire::input::SecretJson;
use crate::wire::problem::ApiError;
use crate::wire::security_headers::no_store;

type ApiResult = Result<Response, ApiError>;

/// Returns the caller; null if the request has no valid token, which is not an error here: a browser asks first whether
/// it is signed in.
pub(crate) async fn get(
    State(app): State<AppState>,
    axum::Extension(address): axum::Extension<ClientAddress>,
    headers: HeaderMap,
) -> ApiResult {
    let is_anonymous = !headers.contains_key(header::AUTHORIZATION);
    let caller = if is_anonymous { None } else { Some(app.access.caller(&headers, None, || address.0)) };
    let caller = match caller {
        Some(Ok(caller)) => Some(login::shown(&app, &caller)),
        Some(Err(refused)) if refused.status != StatusCode::UNAUTHORIZED => return Err(refused),
        Some(Err(_)) | None => None,
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
            let detail = "the body has neither `username` and `password` nor `token`, or both";
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

/// Returns the caller with this token. A wrong token counts as a failed attempt of the address.
fn with_token(app: &AppState, token: &str, address: ClientAddress) -> Result<Caller, ApiError> {
    let mut headers = HeaderMap::new();
    let value = if session_cookie::is_token(token) { format!("Bearer {token}") } else { "Bearer ?".to_owned() };
    headers.extend(HeaderValue::try_from(value).ok().map(|value| (header::AUTHORIZATION, value)));
    app.access.caller(&headers, None, || address.0)
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
