//! Who asks: a value that a handler takes, put there by the table of routes.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use host_core::{Principal, Role};
use http::request::Parts;
use http::{HeaderMap, StatusCode};

use crate::problem::Refused;
use crate::routes::Front;
use crate::token::Who;

/// Somebody whom the host knows, and who may do what the route does.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) principal: Arc<Principal>,
}

impl Caller {
    /// Who sends these headers.
    pub(crate) fn of(front: &Front, headers: &HeaderMap) -> Result<Caller, Refused> {
        match front.token.who(headers) {
            Who::Operator => Ok(Caller { principal: front.token.principal() }),
            who => Err(unauthorized(who)),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Caller, Refused> {
        // Only a handler of a route that needs nobody finds none.
        parts.extensions.get().cloned().ok_or_else(|| unauthorized(Who::Nobody))
    }
}

pub(crate) fn unauthorized(who: Who) -> Refused {
    let detail = match who {
        Who::Nobody => "this needs a token",
        _ => "the token is not valid",
    };
    Refused::new(StatusCode::UNAUTHORIZED, "auth_token", detail)
        .fix("send `Authorization: Bearer <token>`; the operator's token is in the data folder's operator.token")
}

/// Why somebody is refused, in a word for what is counted.
pub(crate) fn refused_for(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "token",
        _ => "role",
    }
}

pub(crate) fn forbidden(needed: Role, plugin: Option<&str>) -> Refused {
    let detail = match plugin {
        Some(_) => format!("this needs the role {needed}, for this plugin or for the host"),
        None => format!("this needs the role {needed}"),
    };
    Refused::new(StatusCode::FORBIDDEN, "auth_role", detail)
}
