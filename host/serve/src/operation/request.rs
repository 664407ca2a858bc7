//! The conditions of an operation: caller, reason, conflict handling and waiting.

use std::time::Duration;

use axum::extract::FromRequestParts;
use host_run::{IdempotentRequest, Initiator, OnConflict};
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::audit_context::AuditSubject;
use crate::access::caller::Caller;
use crate::wire::input::{QueryParams, respond_async};
use crate::wire::problem::ApiError;

/// Maximum length of a reason.
const MAX_REASON_CHARS: usize = 500;
/// Maximum timeout: one week.
const MAX_TIMEOUT_SECONDS: u64 = 7 * 24 * 60 * 60;

/// The conditions of an operation (`?reason=`, `?on_conflict=queue|replace|reject`, `?timeout_seconds=`), and the
/// client's preference to watch the job instead of waiting for its end.
pub(crate) struct OperationRequest {
    pub(crate) initiator: Initiator,
    pub(crate) respond_async: bool,
    /// Receives the id of the job.
    pub(crate) subject: AuditSubject,
}

#[derive(Deserialize, IntoParams)]
pub(crate) struct OperationQuery {
    /// Reason, recorded in the revision and the job.
    #[param(max_length = 500)]
    reason: Option<String>,
    /// How to treat another job of the same plugin: wait for it (`queue`), cancel it (`replace`) or fail (`reject`).
    on_conflict: Option<String>,
    /// Timeout of the job in seconds. The job is ended when it expires.
    #[param(minimum = 1, maximum = 604800)]
    timeout_seconds: Option<u64>,
}

impl<S: Send + Sync> FromRequestParts<S> for OperationRequest {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<OperationRequest, ApiError> {
        let respond_async = respond_async(&parts.headers);
        let caller = Caller::from_request_parts(parts, state).await?;
        let QueryParams(conditions) = QueryParams::<OperationQuery>::from_request_parts(parts, state).await?;
        let Ok(subject) = AuditSubject::from_request_parts(parts, state).await;
        let initiator = initiator(&caller.principal.name, conditions)?;
        let request = parts.extensions.get::<IdempotentRequest>().map(|idempotent| idempotent.key.clone());
        Ok(OperationRequest { initiator: Initiator { request, ..initiator }, respond_async, subject })
    }
}

/// Checks the conditions and adds the caller's name.
fn initiator(name: &str, conditions: OperationQuery) -> Result<Initiator, ApiError> {
    let refused = |detail: String| ApiError::new(StatusCode::BAD_REQUEST, "query_does_not_fit", detail);
    let OperationQuery { reason, on_conflict, timeout_seconds } = conditions;
    if let Some(reason) = &reason {
        let n_chars = reason.chars().count();
        if n_chars > MAX_REASON_CHARS || reason.chars().any(char::is_control) {
            let rule = format!("`reason` must have at most {MAX_REASON_CHARS} characters and no control characters");
            return Err(refused(rule));
        }
    }
    let on_conflict = match on_conflict {
        Some(word) => word.parse().map_err(|error| refused(format!("`on_conflict`: {error}")))?,
        None => OnConflict::default(),
    };
    if timeout_seconds.is_some_and(|seconds| !(1..=MAX_TIMEOUT_SECONDS).contains(&seconds)) {
        return Err(refused(format!("`timeout_seconds` must be from 1 to {MAX_TIMEOUT_SECONDS}")));
    }
    let timeout = timeout_seconds.map(Duration::from_secs);
    Ok(Initiator { reason, on_conflict, timeout, ..Initiator::new(name) })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use host_core::{Principal, Role};

    use super::*;

    async fn read(query: &str) -> Result<Initiator, String> {
        let principal = Arc::new(Principal::with_role("operator", Role::Admin));
        let request = http::Request::get(format!("/x?{query}"))
            .extension(Caller { principal, token: "operator".into() })
            .body(())
            .unwrap();
        let request = OperationRequest::from_request_parts(&mut request.into_parts().0, &()).await;
        request.map(|request| request.initiator).map_err(|refused| refused.detail)
    }

    #[tokio::test]
    async fn invalid_conditions_are_rejected() {
        let operator = Initiator::new("operator");
        assert_eq!(read("").await, Ok(operator.clone()));
        assert_eq!(read("keep_data=true").await, Ok(operator.clone()));
        let asked = read("reason=a%20new+day&on_conflict=replace&timeout_seconds=90").await;
        let timeout = Some(Duration::from_secs(90));
        let reason = Some("a new day".to_owned());
        let on_conflict = OnConflict::Replace;
        assert_eq!(asked, Ok(Initiator { reason, on_conflict, timeout, ..operator }));
        let long = "%C3%A9".repeat(MAX_REASON_CHARS);
        assert!(read(&format!("reason={long}")).await.is_ok());
        for (query, part) in [
            (format!("reason={long}x"), "`reason` must have at most 500 characters"),
            ("reason=a%0Ab".to_owned(), "`reason` must have at most 500 characters"),
            ("on_conflict=wait".to_owned(), "`on_conflict`: expected `queue`"),
            ("timeout_seconds=0".to_owned(), "`timeout_seconds` must be from 1 to 604800"),
            ("timeout_seconds=604801".to_owned(), "`timeout_seconds` must be from 1 to 604800"),
            ("timeout_seconds=1m".to_owned(), "invalid query: "),
        ] {
            let refused = read(&query).await.unwrap_err();
            assert!(refused.contains(part), "{query}: {refused}");
        }
    }
}
