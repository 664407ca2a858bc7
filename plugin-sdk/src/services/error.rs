//! Errors of host services.

use std::borrow::Cow;
use std::fmt;

use http::StatusCode;
use plugin_sdk_abi::Failure;
use serde::Deserialize;

/// An error of a host service: a status, a stable code and a sentence.
///
/// `?` converts it to an [`Error`](crate::Error) of status 500; the sentence is logged and not sent to the caller.
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

/// The fields that are read from a problem document.
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

    /// The error for a service that an older host does not have.
    pub(crate) fn old_host(what: &str) -> ServiceError {
        let detail =
            format!("this host has ABI 1.0, which does not include {what}; update the host to ABI 1.1 or later");
        ServiceError::new(StatusCode::NOT_IMPLEMENTED, "host_too_old", detail)
    }

    /// The host could not respond.
    pub(crate) fn failed(failure: &Failure) -> ServiceError {
        ServiceError::new(StatusCode::BAD_GATEWAY, "host_failed", failure.message.as_str())
    }

    /// Parses a problem document; `None` if `body` is not one.
    pub(crate) fn from_problem(status: StatusCode, body: &[u8]) -> Option<ServiceError> {
        let Problem { code, detail, title } = serde_json::from_slice(body).ok()?;
        Some(ServiceError::new(status, code, if detail.is_empty() { title } else { detail }))
    }

    /// The error for a request that the plugin built incorrectly.
    pub(crate) fn bad_request(detail: impl Into<String>) -> ServiceError {
        ServiceError::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// The error for data that is not JSON of the expected type.
    pub(crate) fn not_json(what: &str, error: &serde_json::Error) -> ServiceError {
        ServiceError::new(StatusCode::UNPROCESSABLE_ENTITY, "does_not_fit", format!("{what}: {error}"))
    }

    /// The status, as in HTTP.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code, such as `kv_quota`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Returns the reason and, if known, the fix.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Returns whether plugin.yaml does not list the permission. The detail names the line to add.
    pub fn is_denied(&self) -> bool {
        self.code == "permission_denied"
    }

    /// Returns whether the requested item does not exist.
    pub fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    /// Returns whether an entry of the key-value store has a different version than expected.
    pub fn is_changed(&self) -> bool {
        self.status == StatusCode::PRECONDITION_FAILED
    }

    /// Returns whether there was no response in time.
    pub fn is_timeout(&self) -> bool {
        self.status == StatusCode::GATEWAY_TIMEOUT
    }

    /// Returns whether events were lost because the subscriber was too slow; the subscription continues.
    pub fn is_lost(&self) -> bool {
        self.code == "events_lost"
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail.as_str() {
            "" => write!(f, "the host returned status {} ({})", self.status, self.code),
            detail => write!(f, "{detail} ({})", self.code),
        }
    }
}

impl std::error::Error for ServiceError {}
