//! Errors of host services, with their codes and statuses.

use std::time::Duration;

use host_core::manifest::Permission;
use host_core::{Size, Span};
use http::StatusCode;

/// A refusal of a service. The plugin receives it as a problem document.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants and their fields")]
pub enum Error {
    #[error(
        "the request needs the permission `{permission}`, which plugin.yaml does not list; \
         hint: add `{permission}` under `permissions`"
    )]
    PermissionDenied { permission: Permission },
    #[error("this host has no service {service}; hint: update the host")]
    NoService { service: u32 },
    #[error("{service} accepts {allowed}, found `{method}`")]
    Method { service: &'static str, allowed: &'static str, method: String },
    #[error("{field} {rule}, found {found}")]
    Request { field: &'static str, rule: &'static str, found: String },
    #[error("failed to read the request body: {message}")]
    Body { message: String },
    #[error(transparent)]
    Kv(#[from] host_state::Error),
    #[error("the key-value store has no key `{key}`")]
    KvNotFound { key: String },
    #[error("the value exceeds the limit `kv_max_value_bytes` of {limit}; hint: store a smaller value")]
    KvValueTooLong { limit: Size },
    #[error("a topic {rule}, found {found}")]
    Topic { rule: &'static str, found: String },
    #[error("the event is not valid JSON: {reason}")]
    EventJson { reason: String },
    #[error("the event is larger than {limit}; hint: store the data in the key-value store and publish its key")]
    EventTooLong { limit: Size },
    #[error(
        "the plugin has reached the limit of {limit} subscriptions; hint: subscribe once and distribute the events"
    )]
    TooManySubscriptions { limit: usize },
    #[error("this generation of the plugin is ending, so it cannot subscribe any more")]
    Ended,
    #[error(
        "this generation of the plugin has ended, so the host refuses its requests; \
         hint: end the threads and tasks of the plugin in `#[stop]`"
    )]
    Gone,
    #[error("the URL {rule}, found {found}")]
    FetchUrl { rule: &'static str, found: String },
    #[error("fetching from `{to}` is not allowed: {rule}")]
    FetchNotAllowed { to: String, rule: String },
    #[error("failed to fetch from `{to}`: {reason}")]
    FetchFailed { to: String, reason: String },
    #[error("fetching from `{to}` timed out after {}: {what}", Span::new(*after))]
    FetchTimedOut { to: String, what: &'static str, after: Duration },
    #[error(
        "calls between plugins are nested deeper than {limit}; hint: check for plugins that call each other in a cycle"
    )]
    CallLoop { limit: u32 },
    #[error(
        "the plugin has reached the limit of {limit} concurrent calls to other plugins; hint: start fewer calls at a time"
    )]
    TooManyCalls { limit: usize },
    #[error("the path of a call must be `/<plugin id>/<path>`, found {found}")]
    CallPath { found: String },
    #[error("the host does not accept calls between plugins at the moment")]
    CallUnavailable,
    #[error(
        "no secret `{name}` is configured for this plugin; \
         hint: an operator adds it to the host configuration under `secrets`"
    )]
    SecretNotFound { name: String },
    #[error("secret `{name}` cannot be read: {reason}")]
    SecretUnreadable { name: String, reason: String },
}

impl Error {
    /// The stable error code for clients, metrics and tests.
    pub fn code(&self) -> &'static str {
        match self {
            Error::PermissionDenied { .. } => "permission_denied",
            Error::NoService { .. } => "service_not_found",
            Error::Method { .. } => "service_method",
            Error::Request { .. } => "service_bad_request",
            Error::Body { .. } => "service_body",
            Error::Kv(error) => error.code(),
            Error::KvNotFound { .. } => "kv_not_found",
            Error::KvValueTooLong { .. } => "kv_quota",
            Error::Topic { .. } => "event_bad_topic",
            Error::EventJson { .. } => "event_not_json",
            Error::EventTooLong { .. } => "event_too_long",
            Error::TooManySubscriptions { .. } => "event_too_many_subscriptions",
            Error::Ended => "event_generation_ends",
            Error::Gone => "generation_ended",
            Error::FetchUrl { .. } => "fetch_bad_url",
            Error::FetchNotAllowed { .. } => "fetch_not_allowed",
            Error::FetchFailed { .. } => "fetch_failed",
            Error::FetchTimedOut { .. } => "fetch_timed_out",
            Error::CallLoop { .. } => "call_loop",
            Error::TooManyCalls { .. } => "call_too_many",
            Error::CallPath { .. } => "call_bad_path",
            Error::CallUnavailable => "call_unavailable",
            Error::SecretNotFound { .. } => "secret_not_found",
            Error::SecretUnreadable { .. } => "secret_unreadable",
        }
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        match self {
            Error::PermissionDenied { .. } | Error::FetchNotAllowed { .. } => StatusCode::FORBIDDEN,
            Error::NoService { .. } | Error::KvNotFound { .. } | Error::SecretNotFound { .. } => StatusCode::NOT_FOUND,
            Error::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Error::Request { .. }
            | Error::Body { .. }
            | Error::Topic { .. }
            | Error::EventJson { .. }
            | Error::FetchUrl { .. }
            | Error::CallPath { .. } => StatusCode::BAD_REQUEST,
            Error::Kv(error) => match error {
                host_state::Error::BadKey { .. } => StatusCode::BAD_REQUEST,
                host_state::Error::Changed { .. } => StatusCode::PRECONDITION_FAILED,
                host_state::Error::Quota { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                host_state::Error::Full { .. } => StatusCode::INSUFFICIENT_STORAGE,
                host_state::Error::Closed => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Error::KvValueTooLong { .. } | Error::EventTooLong { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Error::TooManySubscriptions { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::Ended | Error::Gone | Error::CallUnavailable | Error::TooManyCalls { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Error::FetchFailed { .. } => StatusCode::BAD_GATEWAY,
            Error::FetchTimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
            Error::CallLoop { .. } => StatusCode::LOOP_DETECTED,
            Error::SecretUnreadable { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Returns the first 80 characters of a text in backticks, with escapes.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", host_core::shown(text, 80))
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let what = error.to_string();
        // Some errors repeat the message of their cause.
        if !text.ends_with(&what) {
            text = text + ": " + &what;
        }
        cause = error.source();
    }
    text
}

impl Error {
    /// Logs the refusals that an operator must know. Mistakes of a plugin are not logged by the host.
    pub(crate) fn report(&self, plugin: &host_core::PluginId) {
        let detail = match self {
            Error::Kv(error) if self.status().is_server_error() => chain(error),
            Error::SecretUnreadable { .. } => self.to_string(),
            _ => return,
        };
        tracing::error!(plugin.id = %plugin, code = self.code(), "a request of plugin `{plugin}` failed: {detail}");
    }
}
