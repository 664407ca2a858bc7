//! The caller of a request. The route table stores it in the request, and handlers extract it.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use host_core::access::Denied;
use host_core::{PluginId, Principal, Role};
use http::StatusCode;
use http::request::Parts;

use crate::wire::problem::ApiError;

/// An authenticated caller that is authorized for the route.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) principal: Arc<Principal>,
    /// The id of the token; `operator` for the initial admin token.
    pub(crate) token: Arc<str>,
}

/// The identity of the sender of a request.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// No token was sent.
    Anonymous,
    /// The sent token is invalid.
    Unknown,
    /// The header `Authorization` has no bearer token, or was sent twice. The text is the detail of the error.
    Malformed(&'static str),
    /// A valid token was sent.
    Known(Caller),
}

impl Caller {
    /// Rejects a caller without the role for the whole host, in routes that accept the role for one plugin.
    pub(crate) fn need_for_all(&self, role: Role) -> Result<(), ApiError> {
        if self.principal.may(role, None) { Ok(()) } else { Err(forbidden(role, None)) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, ApiError> {
        // Missing only in public routes.
        parts.extensions.get().cloned().ok_or_else(|| unauthorized(&Identity::Anonymous))
    }
}

pub(crate) fn unauthorized(who: &Identity) -> ApiError {
    let detail = match who {
        Identity::Anonymous => "this request needs a token",
        Identity::Malformed(problem) => problem,
        Identity::Unknown | Identity::Known(_) => "the token is invalid",
    };
    ApiError::new(StatusCode::UNAUTHORIZED, "auth_token", detail).fix(
        "send `Authorization: Bearer <token>`; the initial admin token is in `operator.token` in the plugin folder",
    )
}

/// The metric label for the reason of a rejection.
pub(crate) fn refused_for(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "token",
        StatusCode::TOO_MANY_REQUESTS => "throttle",
        _ => "role",
    }
}

pub(crate) fn forbidden(needed: Role, plugin: Option<&str>) -> ApiError {
    let (detail, rights) = match plugin.map(str::parse::<PluginId>) {
        Some(id) => (
            format!("this request needs the role `{needed}` for this plugin or for the host"),
            format!("--grant {}={needed}", id.map_or("ID".to_owned(), |id| id.to_string())),
        ),
        None => (format!("this request needs the role `{needed}` for the host"), format!("--role {needed}")),
    };
    let fix = format!("use a token with this role; an admin creates it by `plugin-host token create NAME {rights}`");
    ApiError::new(StatusCode::FORBIDDEN, "auth_role", detail).fix(fix)
}

/// The error for a caller that may not call an endpoint.
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
