//! `Idempotency-Key`: a POST that is repeated with the same key is run once, and gets the stored response.

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use host_core::DigestWriter;
use host_run::{IdempotentRequest, IdempotentResponse};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{HeaderMap, Method, StatusCode};
use http_body::Body as _;
use serde::{Deserialize, Serialize};

use crate::access::caller::Caller;
use crate::operation::run::answer as answer_of_job;
use crate::state::AppState;
use crate::wire::input;
use crate::wire::outcome::operation_result;
use crate::wire::problem::ApiError;
use crate::wire::view;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const MAX_KEY_BYTES: usize = 200;
/// Maximum size of a stored response. A longer response is not stored: a repetition is answered from the job of the
/// request, or runs again if the request has no job.
const MAX_RESPONSE_BYTES: u64 = 256 * 1024;

/// A stored response.
#[derive(Serialize, Deserialize)]
struct StoredResponse {
    status: u16,
    content_type: Option<String>,
    location: Option<String>,
    body: String,
}

/// Runs an authorized request for an action, or returns the response of an earlier one with the same key.
pub(crate) async fn answer(app: &AppState, action: &str, caller: &Caller, request: Request, next: Next) -> Response {
    let is_left_out = match action {
        // The body would have to be in memory to be compared, and a second upload does no harm.
        "plugin_upload" => true,
        // The response of `token_create` contains a token, which must not be stored. A stored digest of the body of
        // `user_create` would allow guessing the password. A repetition is refused, because the name exists.
        "token_create" | "user_create" => true,
        _ => false,
    };
    let may_be_stored = request.method() == Method::POST && !is_left_out;
    if request.headers().contains_key(KEY) && may_be_stored {
        once(app, caller, request, next).await.unwrap_or_else(ApiError::into_response)
    } else {
        next.run(request).await
    }
}

async fn once(app: &AppState, caller: &Caller, request: Request, next: Next) -> Result<Response, ApiError> {
    let failed = |error: host_run::Error| ApiError::from(&error);
    let key = key(request.headers())?;
    let (mut parts, body) = request.into_parts();
    let uri = parts.uri.clone();
    let method = parts.method.clone();
    let respond_async = input::respond_async(&parts.headers);
    let whole = Request::from_parts(parts.clone(), body);
    let bytes = input::bytes(whole, app).await?;
    // The handler gets the decoded body.
    parts.headers.remove(CONTENT_ENCODING);
    let mut asked = DigestWriter::new();
    asked.field(method.as_str().as_bytes()).field(uri.path().as_bytes());
    asked.field(uri.query().unwrap_or_default().as_bytes()).field(&bytes);
    let mut who = DigestWriter::new();
    who.field(caller.principal.name.as_bytes()).field(key.as_bytes());
    let idempotent = IdempotentRequest { key: who.finish().hex(), digest: asked.finish().hex() };

    let _guard = app.key_locks.take(&idempotent.key).await;
    match app.host.stored_response(&idempotent).await.map_err(failed)? {
        IdempotentResponse::New => {}
        IdempotentResponse::Other => {
            let detail = "the `Idempotency-Key` was used for a different request";
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_other_request", detail)
                .fix("use a new key for each request"));
        }
        IdempotentResponse::Stored(response) => return replayed(&response),
        IdempotentResponse::Became(job) => return of_job(app, &job, respond_async).await.map(marked),
    }
    let mut request = Request::from_parts(parts, Body::from(bytes));
    request.extensions_mut().insert(idempotent.clone());
    let response = next.run(request).await;
    keep(app, &idempotent, response).await
}

/// Returns the key of a request.
fn key(headers: &HeaderMap) -> Result<String, ApiError> {
    let mut values = headers.get_all(KEY).iter();
    let text = match (values.next().map(HeaderValue::to_str), values.next()) {
        (Some(Ok(text)), None) => text.trim(),
        _ => "",
    };
    let is_key = (1..=MAX_KEY_BYTES).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_graphic());
    is_key.then(|| text.to_owned()).ok_or_else(|| {
        let detail = format!("`Idempotency-Key` must be 1 to {MAX_KEY_BYTES} visible ASCII characters without spaces");
        ApiError::new(StatusCode::BAD_REQUEST, "idempotency_key", detail)
    })
}

/// Stores the response of a successful request if it is at most [`MAX_RESPONSE_BYTES`] long. Otherwise the record of
/// the request is deleted, so a repetition with the same key runs again. The record of a request that became a job
/// stays: its repetition is answered from the job.
async fn keep(app: &AppState, request: &IdempotentRequest, response: Response) -> Result<Response, ApiError> {
    let n_bytes = response.body().size_hint().exact();
    let is_kept = response.status().is_success() && n_bytes.is_some_and(|n_bytes| n_bytes <= MAX_RESPONSE_BYTES);
    if !is_kept {
        if let Err(error) = app.host.forget_request(request).await {
            tracing::warn!("failed to delete the record of an `Idempotency-Key`: {}", error.chain());
        }
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let broken = |_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "answer_incomplete", "the response ended early");
    let bytes = axum::body::to_bytes(body, MAX_RESPONSE_BYTES as usize).await.map_err(broken)?;
    let header = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let stored = StoredResponse {
        status: parts.status.as_u16(),
        content_type: header(CONTENT_TYPE),
        location: header(LOCATION),
        body: String::from_utf8_lossy(&bytes).into_owned(),
    };
    let text = serde_json::to_string(&stored).unwrap_or_default();
    // The request has succeeded, so a failure to store its response is only logged.
    if let Err(error) = app.host.store_response(request, &text).await {
        tracing::warn!("failed to store the response for an `Idempotency-Key`: {}", error.chain());
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn replayed(json: &str) -> Result<Response, ApiError> {
    let broken = |_| {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "idempotency_damaged",
            "the stored response for this `Idempotency-Key` is damaged",
        )
    };
    let stored: StoredResponse = serde_json::from_str(json).map_err(broken)?;
    let mut response = Response::new(Body::from(stored.body));
    *response.status_mut() = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
    for (name, value) in [(CONTENT_TYPE, stored.content_type), (LOCATION, stored.location)] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(marked(response))
}

/// Responds to the repetition of a request that became a job.
async fn of_job(app: &AppState, id: &str, respond_async: bool) -> Result<Response, ApiError> {
    if let Some(job) = app.host.live_job(id) {
        return answer_of_job(&job, respond_async).await;
    }
    let job = app.host.job(id).await.map_err(|_| {
        let detail = "the job of the request with this `Idempotency-Key` was deleted";
        ApiError::new(StatusCode::CONFLICT, "idempotency_forgotten", detail)
    })?;
    match &job.result {
        Some(Ok(receipt)) => Ok(axum::Json(operation_result(receipt, &job)).into_response()),
        Some(Err(failed)) => Err(ApiError::from(failed)),
        None => Ok((StatusCode::ACCEPTED, axum::Json(view::job(&job))).into_response()),
    }
}

fn marked(mut response: Response) -> Response {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_visible_ascii_without_spaces() {
        let read = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(KEY, HeaderValue::from_static(value));
            }
            key(&headers).map_err(|refused| refused.code.into_owned())
        };
        assert_eq!(read(&["8e03978e-40d5"]), Ok("8e03978e-40d5".to_owned()));
        for values in [&[][..], &[""], &["a b"], &["a", "b"]] {
            assert_eq!(read(values), Err("idempotency_key".to_owned()), "{values:?}");
        }
    }
}
