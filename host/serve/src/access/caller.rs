//! Identity asks: a value that a handler takes, put there by the table of routes.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use host_core::access::Denied;
use host_core::{Principal, Role};
use http::StatusCode;
use http::request::Parts;

use crate::wire::problem::ApiError;

/// Somebody whom the host knows, and who may do what the route does.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) principal: Arc<Principal>,
    /// The id of the token; `operator` for that of the file.
    pub(crate) token: Arc<str>,
}

/// Identity sends a request.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// No token.
    Anonymous,
    /// A token, but not a valid one.
    Unknown,
    /// Somebody whom the host knows.
    Known(Caller),
}

impl Caller {
    /// Refuses what needs a role for the whole host, where the route lets in those who have it for one plugin.
    pub(crate) fn need_for_all(&self, role: Role) -> Result<(), ApiError> {
        if self.principal.may(role, None) { Ok(()) } else { Err(forbidden(role, None)) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, ApiError> {
        // Only a handler of a route that needs nobody finds none.
        parts.extensions.get().cloned().ok_or_else(|| unauthorized(&Identity::Anonymous))
    }
}

pub(crate) fn unauthorized(who: &Identity) -> ApiError {
    let detail = match who {
        Identity::Anonymous => "this request needs a token",
        _ => "the token is invalid",
    };
    ApiError::new(StatusCode::UNAUTHORIZED, "auth_token", detail)
        .fix("send `Authorization: Bearer <token>`; the initial admin token is in `operator.token` in the data folder")
}

/// Why somebody is refused, in a word for what is counted.
pub(crate) fn refused_for(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "token",
        StatusCode::TOO_MANY_REQUESTS => "throttle",
        _ => "role",
    }
}

pub(crate) fn forbidden(needed: Role, plugin: Option<&str>) -> ApiError {
    let detail = match plugin {
        Some(_) => format!("this request needs the role `{needed}` for this plugin or for the host"),
        None => format!("this request needs the role `{needed}`"),
    };
    ApiError::new(StatusCode::FORBIDDEN, "auth_role", detail)
}

/// Identity may not call an endpoint.
pub(crate) fn denied(denied: &Denied) -> ApiError {
    let detail = denied.to_string();
    match denied {
        Denied::Nobody => unauthorized(&Identity::Anonymous),
        Denied::Plugin => ApiError::new(StatusCode::FORBIDDEN, "auth_plugin", detail),
        Denied::Role { .. } => ApiError::new(StatusCode::FORBIDDEN, "auth_role", detail),
        Denied::Permission { .. } => ApiError::new(StatusCode::FORBIDDEN, "auth_permission", detail),
        Denied::Scope { .. } => ApiError::new(StatusCode::FORBIDDEN, "auth_scope", detail),
    }
}
