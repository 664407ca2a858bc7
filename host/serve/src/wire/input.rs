//! Extractors: bodies, paths and queries of requests.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use host_api::FieldError;
use host_call::{Coding, GunzipError, gunzip};
use host_core::spelling::suggestion;
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
            return Err(refused.fix(json_fix(&bytes)));
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
    let too_large = || ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "the request body is too large");
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
    read.map_err(|(place, error)| does_not_fit(bytes, &place, &error))
}

/// Describes a body that was not read. `place` is the path of the value in it.
fn does_not_fit(bytes: &[u8], place: &str, error: &serde_json::Error) -> ApiError {
    let code = if error.is_data() { "body_does_not_fit" } else { "body_not_json" };
    let mut message = error.to_string();
    // The place of a value in the text of the body is of no use beside its path.
    if let Some((rule, _)) = message.rsplit_once(" at line ").filter(|_| error.is_data()) {
        message = rule.to_owned();
    }
    let (pointer, fix) = match unknown_field(&message) {
        Some((field, fix)) if place.is_empty() || place == field => (field.to_owned(), Some(fix)),
        Some((field, fix)) if place.ends_with(&format!(".{field}")) => (place.to_owned(), Some(fix)),
        Some((field, fix)) => (format!("{place}.{field}"), Some(fix)),
        None if error.is_eof() && !bytes.is_empty() => {
            (String::new(), Some("send the whole body: it ends too early".to_owned()))
        }
        None if code == "body_not_json" => (String::new(), Some(json_fix(bytes).to_owned())),
        None => (place.to_owned(), missing_field(&message).map(|field| format!("add `{field}`"))),
    };
    let named =
        if unknown_field(&message).is_none() && !pointer.is_empty() { format!("`{pointer}`: ") } else { String::new() };
    let mut refused = ApiError::new(StatusCode::BAD_REQUEST, code, format!("invalid request body: {named}{message}"));
    refused.errors = vec![FieldError { pointer, message }];
    match fix {
        Some(fix) => refused.fix(fix),
        None => refused,
    }
}

/// The field in a message of serde about a missing field.
fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// The remedy for a body that is not JSON.
fn json_fix(bytes: &[u8]) -> &'static str {
    let is_object = bytes.trim_ascii_start().starts_with(b"{");
    if bytes.starts_with(b"\xef\xbb\xbf") {
        "remove the byte order mark at the start of the body: save it as UTF-8 without BOM"
    } else if is_object {
        "JSON has double quotes around names and texts, and no comma after the last value"
    } else {
        "send a JSON object, such as `{\"name\": \"value\"}`"
    }
}

/// Other names for a branch, tag or commit, which requests call `version`.
const REVISION_NAMES: [&str; 6] = ["ref", "tag", "branch", "commit", "rev", "revision"];

/// The unknown field in a message of serde, and the remedy.
fn unknown_field(message: &str) -> Option<(&str, String)> {
    let (field, expected) = message.strip_prefix("unknown field `")?.split_once("`, ")?;
    let known: Vec<_> = expected.split('`').skip(1).step_by(2).collect();
    let fix = if known.contains(&"version") && REVISION_NAMES.contains(&field.to_ascii_lowercase().as_str()) {
        "`version` selects a branch, tag or commit".to_owned()
    } else if let Some(known) = suggestion(field, &known) {
        format!("did you mean `{known}`?")
    } else if known.is_empty() {
        "send an empty object".to_owned()
    } else {
        // The message of a body with a password is not shown.
        format!("the fields are `{}`", known.join("`, `"))
    };
    Some((field, fix))
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
        let of_id = text.parse().map_err(|_| refused("the path segment after the plugin id is invalid"))?;
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

#[cfg(test)]
mod tests;
