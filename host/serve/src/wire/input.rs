//! Extractors: bodies, paths and queries of requests.

mod body_error;
#[cfg(test)]
mod tests;
mod unique_keys;

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use host_call::{Coding, GunzipError, gunzip};
use host_core::Size;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::wire::compression;
use crate::wire::problem::{AcceptedCoding, ApiError};

/// Largest JSON body of the management API.
pub(crate) const MAX_JSON_BYTES: usize = 1024 * 1024;

/// A JSON body. An empty body is read as `{}`.
pub(crate) struct OptionalJson<T>(pub(crate) T);

/// A JSON body that must not be empty.
pub(crate) struct RequiredJson<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<OptionalJson<T>, ApiError> {
        let kind = kind(request.headers());
        let bytes = bytes(request, state).await?;
        if bytes.is_empty() {
            return read(b"{}").map(OptionalJson);
        }
        kind?;
        read(&bytes).map(OptionalJson)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for RequiredJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<RequiredJson<T>, ApiError> {
        kind(request.headers())?;
        let bytes = bytes(request, state).await?;
        if bytes.trim_ascii().is_empty() {
            let refused = ApiError::new(StatusCode::BAD_REQUEST, "body_not_json", "the request body is empty");
            return Err(refused.fix(body_error::json_fix(&bytes)));
        }
        read(&bytes).map(RequiredJson)
    }
}

/// A JSON body that contains a password. Errors do not quote it.
pub(crate) struct SecretJson<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for SecretJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<SecretJson<T>, ApiError> {
        // Without decoding, an unauthenticated request costs no more than its size.
        plain(request.headers())?;
        let refused = |refused: ApiError| {
            let detail =
                "the body does not match the schema of this route; it is not quoted because it may contain a password";
            let refused = ApiError { detail: detail.to_owned(), errors: vec![], ..refused };
            if refused.fix.is_some() { refused } else { refused.fix("see the schema of this route in /docs") }
        };
        let bytes = bytes(request, state).await?;
        read(&bytes).map(SecretJson).map_err(refused)
    }
}

/// Rejects a body whose `Content-Type` is not JSON. The types that older clients and `curl --data` send by default
/// are accepted: this does not help cross-site form posts, since the token is in a header.
fn kind(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let value = value.to_str().unwrap_or("?");
    let kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/json-patch+json" {
        let detail = "a JSON Patch (RFC 6902) is not supported";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body_type", detail)
            .fix("send the changed keys as a JSON object: a JSON Merge Patch (RFC 7396)"));
    }
    let is_taken = kind.is_empty()
        || kind == "application/json"
        || (kind.starts_with("application/") && kind.ends_with("+json"))
        || matches!(kind.as_str(), "text/json" | "application/x-www-form-urlencoded" | "text/plain");
    if is_taken {
        return Ok(());
    }
    let detail = "the `Content-Type` of the body is not JSON";
    let refused = ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "body_type", detail);
    Err(refused.fix("send JSON with `Content-Type: application/json`"))
}

/// Rejects a compressed body.
pub(crate) fn plain(headers: &HeaderMap) -> Result<(), ApiError> {
    if Coding::from_headers(headers) == Coding::Identity {
        Ok(())
    } else {
        Err(compression::refused(AcceptedCoding::Identity))
    }
}

/// Reads a body, and decodes it if it is compressed.
pub(crate) async fn bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    let coding = Coding::from_headers(request.headers());
    if coding == Coding::Other {
        return Err(compression::refused(AcceptedCoding::Gzip));
    }
    let too_large = || {
        let detail = format!("the request body is larger than {}", Size::from_usize(MAX_JSON_BYTES));
        ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
    };
    // Reject an announced oversized body before it is sent.
    if http_body::Body::size_hint(request.body()).lower() > MAX_JSON_BYTES as u64 {
        return Err(too_large());
    }
    let bytes = Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => ApiError::new(StatusCode::BAD_REQUEST, "body_incomplete", "failed to read the request body"),
    })?;
    if coding == Coding::Identity {
        return Ok(bytes);
    }
    gunzip(&bytes, MAX_JSON_BYTES).map_err(|error| match error {
        GunzipError::TooLarge => too_large(),
        GunzipError::Invalid => ApiError::new(StatusCode::BAD_REQUEST, "body_not_gzip", "the body is not valid gzip"),
    })
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    unique_keys::check(bytes).map_err(|(place, key)| body_error::repeated(place, &key))?;
    // A list would be read as the fields of the object in their order.
    if bytes.trim_ascii_start().starts_with(b"[") {
        let detail = "invalid request body: it is a list, expected an object";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "body_does_not_fit", detail));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let place = error.path().iter().next().map(|_| error.path().to_string()).unwrap_or_default();
        (place, error.into_inner())
    });
    let read = read.and_then(|read| json.end().map(|()| read).map_err(|error| (String::new(), error)));
    read.map_err(|(place, error)| body_error::does_not_fit(bytes, &place, &error))
}

/// The error for a path whose percent-encoded bytes are not UTF-8.
pub(crate) fn not_text() -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, "route_path", "the path is not UTF-8 text")
}

/// The single parameter of a path.
pub(crate) struct PathId(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathId, ApiError> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(PathId(id)),
            Err(_) => Err(not_text()),
        }
    }
}

/// Both parameters of a path: a plugin id and a second one.
pub(crate) struct PathIdAnd<T>(pub(crate) String, pub(crate) T);

impl<T: FromStr + Send, S: Send + Sync> FromRequestParts<S> for PathIdAnd<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<PathIdAnd<T>, ApiError> {
        let refused = |detail: &str| ApiError::new(StatusCode::BAD_REQUEST, "route_path", detail);
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((id, text)) = path.map_err(|_| not_text())?;
        let shown = host_core::shown(&text, 60);
        let of_id = text.parse().map_err(|_| refused(&format!("`{shown}` is invalid at the end of this path")))?;
        Ok(PathIdAnd(id, of_id))
    }
}

/// The parameters of a query.
pub(crate) struct QueryParams<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for QueryParams<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<QueryParams<T>, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(QueryParams(parameters)),
            Err(error) => {
                let detail = format!("invalid query: {}", query_problem(&error.body_text()));
                Err(ApiError::new(StatusCode::BAD_REQUEST, "query_does_not_fit", detail))
            }
        }
    }
}

/// The message of a query that was not read: the name of the parameter and the rule.
fn query_problem(text: &str) -> String {
    let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(text);
    let Some((name, problem)) = text.split_once(": ") else { return text.to_owned() };
    let rule = match problem {
        "invalid digit found in string" | "cannot parse integer from empty string" => "must be a whole number",
        "number too large to fit in target type" => "is too large",
        "provided string was not `true` or `false`" => "must be `true` or `false`",
        other => return format!("`{name}`: {other}"),
    };
    format!("`{name}` {rule}")
}

/// Returns whether the client sends `Prefer: respond-async` (RFC 7240): it does not want to wait for the end of the
/// job.
pub(crate) fn respond_async(headers: &HeaderMap) -> bool {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|preference| preference.trim().eq_ignore_ascii_case("respond-async"))
}
