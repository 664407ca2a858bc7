//! Why the host did not do what a plugin asked for.

use std::borrow::Cow;
use std::fmt;

use http::StatusCode;
use plugin_sdk_abi::Failure;
use serde::Deserialize;

/// Why the host did not do what a plugin asked for: a status, a word for programs and a sentence.
///
/// With `?` it becomes an [`Error`](crate::Error) of status 500: the sentence goes to the host's log, not to the caller.
///
/// ```
/// # use plugin_sdk::prelude::*;
/// # async fn feed(context: Context) -> Result<()> {
/// let kv = context.kv();
/// let Some(bowl) = kv.get("bowl").await? else { return Ok(()) };
/// match kv.put_if("bowl", "full", &bowl.version).await {
///     Err(error) if error.is_changed() => Ok(()), // Somebody else was quicker.
///     put => put.map(drop).map_err(Error::from),
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceError {
    status: StatusCode,
    code: Cow<'static, str>,
    detail: String,
}

/// What is read of a problem document.
#[derive(Deserialize)]
struct Problem {
    code: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    title: String,
}

impl ServiceError {
    pub(crate) fn new(
        status: StatusCode,
        code: impl Into<Cow<'static, str>>,
        detail: impl Into<String>,
    ) -> ServiceError {
        ServiceError { status, code: code.into(), detail: detail.into() }
    }

    /// The host is older than what the plugin asks for.
    pub(crate) fn old_host(what: &str) -> ServiceError {
        let detail = format!("this host is of ABI 1.0 and has no {what}; a plugin-host of ABI 1.1 or later has");
        ServiceError::new(StatusCode::NOT_IMPLEMENTED, "host_too_old", detail)
    }

    /// The host could not answer.
    pub(crate) fn failed(failure: &Failure) -> ServiceError {
        ServiceError::new(StatusCode::BAD_GATEWAY, "host_failed", failure.message.as_str())
    }

    /// The problem document that a refusal is; `None` when `body` is none.
    pub(crate) fn from_problem(status: StatusCode, body: &[u8]) -> Option<ServiceError> {
        let Problem { code, detail, title } = serde_json::from_slice(body).ok()?;
        Some(ServiceError::new(status, code, if detail.is_empty() { title } else { detail }))
    }

    /// What the plugin would have put into the request is none.
    pub(crate) fn bad_request(detail: impl Into<String>) -> ServiceError {
        ServiceError::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// What came is not JSON of the wanted type.
    pub(crate) fn not_json(what: &str, error: &serde_json::Error) -> ServiceError {
        ServiceError::new(StatusCode::UNPROCESSABLE_ENTITY, "does_not_fit", format!("{what}: {error}"))
    }

    /// The status, as in HTTP.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The word for programs, such as `kv_quota`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What is wrong, and what to do about it.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether plugin.yaml does not list the permission. The detail names the line to add.
    pub fn is_denied(&self) -> bool {
        self.code == "permission_denied"
    }

    /// Whether what was asked for is not there.
    pub fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// Whether an entry of the key-value store has another version than the one that was expected.
    pub fn is_changed(&self) -> bool {
        self.status == StatusCode::PRECONDITION_FAILED
    }

    /// Whether there was no answer in time.
    pub fn is_timeout(&self) -> bool {
        self.status == StatusCode::GATEWAY_TIMEOUT
    }

    /// Whether events were lost because the subscriber was too slow; the subscription goes on.
    pub fn is_lost(&self) -> bool {
        self.code == "events_lost"
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail.as_str() {
            "" => write!(f, "the host answered {} ({})", self.status, self.code),
            detail => write!(f, "{detail} ({})", self.code),
        }
    }
}

impl std::error::Error for ServiceError {}
