//! Why a service refused a request.

use std::time::Duration;

use host_core::manifest::Permission;
use http::StatusCode;

/// Why a service refused a request. The plugin gets it as a problem document.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// plugin.yaml does not ask for it.
    #[error(
        "the request needs the permission `{permission}`, which plugin.yaml does not list; \
         hint: add `{permission}` under `permissions`"
    )]
    PermissionDenied {
        /// What is asked for.
        permission: Permission,
    },
    /// A service of a newer host.
    #[error("this host has no service {service}; hint: update the host")]
    NoService {
        /// Its number.
        service: u32,
    },
    /// A method that the service does not take.
    #[error("{service} accepts {allowed}, found `{method}`")]
    Method {
        /// The service.
        service: &'static str,
        /// What it takes.
        allowed: &'static str,
        /// What was asked, cut to 20 characters.
        method: String,
    },
    /// A parameter or header that is missing or wrong.
    #[error("{field} {rule}, found {found}")]
    Request {
        /// Which parameter or header.
        field: &'static str,
        /// What is asked for.
        rule: &'static str,
        /// What stood there, quoted and cut to 80 characters, or `nothing`.
        found: String,
    },
    /// The plugin's body failed.
    #[error("failed to read the request body: {message}")]
    Body {
        /// What the plugin said.
        message: String,
    },
    /// The key-value store refused.
    #[error(transparent)]
    Kv(#[from] host_state::Error),
    /// No such key.
    #[error("the key-value store has no key `{key}`")]
    KvNotFound {
        /// The key.
        key: String,
    },
    /// A value that is longer than a value may be.
    #[error("the value exceeds the limit `max_value_bytes` of {limit} bytes; hint: store a smaller value")]
    KvValueTooLong {
        /// The limit.
        limit: u64,
    },
    /// A text that is no topic.
    #[error("a topic {rule}, found {found}")]
    Topic {
        /// What is asked for.
        rule: &'static str,
        /// What stood there, quoted and cut to 80 characters.
        found: String,
    },
    /// An event that is not JSON.
    #[error("the event is not valid JSON: {reason}")]
    EventJson {
        /// What the parser said.
        reason: String,
    },
    /// A large event.
    #[error("the event exceeds {limit} bytes; hint: store the data in the key-value store and publish its key")]
    EventTooLong {
        /// The limit.
        limit: usize,
    },
    /// As many subscriptions as there may be.
    #[error(
        "the plugin has reached the limit of {limit} subscriptions; hint: subscribe once and distribute the events"
    )]
    TooManySubscriptions {
        /// The limit.
        limit: usize,
    },
    /// The generation is being taken out.
    #[error("this generation of the plugin is ending, so it cannot subscribe any more")]
    Ended,
    /// The generation was taken out, to its last hook; what still asks is a thread that it left behind.
    #[error(
        "this generation of the plugin has ended, so the host refuses its requests; \
         hint: end the threads and tasks of the plugin in `#[stop]`"
    )]
    Gone,
    /// A text that is no URL to fetch.
    #[error("the URL {rule}, found {found}")]
    FetchUrl {
        /// What is asked for.
        rule: &'static str,
        /// What stood there, quoted and cut to 80 characters.
        found: String,
    },
    /// A server that the plugin may not fetch from.
    #[error("fetching from `{to}` is not allowed: {rule}")]
    FetchNotAllowed {
        /// Scheme, host and port.
        to: String,
        /// Which rule, and what to do.
        rule: String,
    },
    /// The exchange with the server failed.
    #[error("failed to fetch from `{to}`: {reason}")]
    FetchFailed {
        /// Scheme, host and port.
        to: String,
        /// What failed, with its causes.
        reason: String,
    },
    /// The server took too long.
    #[error("`{to}` did not {what} within {} s", after.as_secs_f64())]
    FetchTimedOut {
        /// Scheme, host and port.
        to: String,
        /// What it did not do.
        what: &'static str,
        /// How long it had.
        after: Duration,
    },
    /// Plugins that call each other without end.
    #[error(
        "calls between plugins are nested deeper than {limit}; hint: check for plugins that call each other in a cycle"
    )]
    CallLoop {
        /// The limit.
        limit: u32,
    },
    /// The plugin waits for the answers of too many calls.
    #[error("the plugin has reached the limit of {limit} concurrent calls to other plugins")]
    TooManyCalls {
        /// The limit.
        limit: usize,
    },
    /// A path that names no plugin.
    #[error("the path of a call must be `/<plugin id>/<path>`, found {found}")]
    CallPath {
        /// What stood there, quoted and cut to 80 characters.
        found: String,
    },
    /// The host does not serve yet, or not any more.
    #[error("the host does not accept calls between plugins at the moment")]
    CallUnavailable,
    /// No such secret for this plugin.
    #[error(
        "no secret `{name}` is configured for this plugin; \
         hint: an operator adds it to the host configuration under `secrets`"
    )]
    SecretNotFound {
        /// Its name.
        name: String,
    },
    /// The secret is configured, but cannot be read.
    #[error("secret `{name}` cannot be read: {reason}")]
    SecretUnreadable {
        /// Its name.
        name: String,
        /// What is wrong with where it lies. Never the secret.
        reason: String,
    },
}

impl Error {
    /// A word for clients, metrics and tests. Never reworded.
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

    /// The status of the answer.
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

/// `text` quoted, cut to 80 characters, with control characters as escapes.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("`");
    quoted.extend(text.chars().take(80).flat_map(char::escape_debug));
    quoted.push_str(if text.chars().nth(80).is_some() { "…`" } else { "`" });
    quoted
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let what = error.to_string();
        // Some errors say what their cause says.
        if !text.ends_with(&what) {
            text = text + ": " + &what;
        }
        cause = error.source();
    }
    text
}

impl Error {
    /// Says in the host's log what the operator has to know; what a plugin did wrong is the plugin's to log.
    pub(crate) fn report(&self, plugin: &host_core::PluginId) {
        let detail = match self {
            Error::Kv(error) if self.status().is_server_error() => chain(error),
            Error::SecretUnreadable { .. } => self.to_string(),
            _ => return,
        };
        tracing::error!(plugin.id = %plugin, code = self.code(), "a request of plugin `{plugin}` failed: {detail}");
    }
}
