//! What is asked, read from a request.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use host_api::FieldError;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::problem::Refused;
use crate::routes::MAX_JSON_BYTES;

/// A JSON body. An empty one reads as `{}`.
pub(crate) struct Input<T>(pub(crate) T);

/// A JSON body that must be there.
pub(crate) struct Whole<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Input<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Input<T>, Refused> {
        let bytes = bytes(request, state).await?;
        read(if bytes.is_empty() { b"{}" } else { &bytes }).map(Input)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Whole<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Whole<T>, Refused> {
        read(&bytes(request, state).await?).map(Whole)
    }
}

async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Refused> {
    let too_large = || Refused::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "the body is too large");
    // Who announces too much need not send it first.
    if http_body::Body::size_hint(request.body()).lower() > MAX_JSON_BYTES as u64 {
        return Err(too_large());
    }
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => Refused::new(StatusCode::BAD_REQUEST, "body_incomplete", "the body could not be read"),
    })
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(bytes).map_err(|error| {
        let code = if error.is_data() { "body_does_not_fit" } else { "body_not_json" };
        let mut refused = Refused::new(StatusCode::BAD_REQUEST, code, format!("the body: {error}"));
        refused.errors = vec![FieldError { pointer: String::new(), message: error.to_string() }];
        refused
    })
}

/// The one parameter of a path.
pub(crate) struct Id(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Id, Refused> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Id(id)),
            Err(_) => Err(Refused::new(StatusCode::BAD_REQUEST, "route_path", "the path is not UTF-8 text")),
        }
    }
}

/// Parameters of a query.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Parameters<T>, Refused> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Parameters(parameters)),
            Err(error) => {
                let detail = format!("the query: {}", error.body_text());
                Err(Refused::new(StatusCode::BAD_REQUEST, "query_does_not_fit", detail))
            }
        }
    }
}

/// Whether the client would rather watch the job than wait for its end (RFC 7240).
pub(crate) fn respond_async(headers: &HeaderMap) -> bool {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"))
}
