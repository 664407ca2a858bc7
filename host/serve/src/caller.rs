//! Who asks the management API: a value that a handler takes, not a layer that it hopes for.

use axum::extract::FromRequestParts;
use http::StatusCode;
use http::request::Parts;

use crate::problem::Refused;
use crate::routes::Front;
use crate::token::Who;

/// Proof that the operator asks.
pub(crate) struct Operator;

impl FromRequestParts<Front> for Operator {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, front: &Front) -> Result<Operator, Refused> {
        match front.token.who(&parts.headers) {
            Who::Operator => Ok(Operator),
            who => Err(unauthorized(who)),
        }
    }
}

pub(crate) fn unauthorized(who: Who) -> Refused {
    let detail = match who {
        Who::Nobody => "this needs the operator's token",
        _ => "the token is not valid",
    };
    Refused::new(StatusCode::UNAUTHORIZED, "auth_token", detail)
        .fix("send `Authorization: Bearer <token>` with the token from the data folder's operator.token")
}
