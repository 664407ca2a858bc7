//! The endpoints of a plugin.

use std::str::FromStr;
use std::time::Duration;

use super::{Method, RoutePath};
use crate::TreePath;

/// One route of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The path below the plugin's mount.
    pub path: RoutePath,
    /// The HTTP method.
    pub method: Method,
    /// The handler in the code; one handler may serve several endpoints.
    pub handler: String,
    /// The description; may be empty.
    pub description: String,
    /// The access rules.
    pub auth: Auth,
    /// The rate limit per client; `None` for no limit.
    pub rate_limit: Option<RateLimit>,
    /// The rules for requests.
    pub validation: Option<Validation>,
    /// The deadline of one call: 1 ms to one day; the host's `max_endpoint_timeout_seconds` is usually lower.
    pub timeout: Duration,
    /// The largest request body, at most 4 GiB; for a WebSocket the largest message.
    pub max_body_bytes: u64,
    /// The protocol that the connection changes to; `None` for plain HTTP.
    pub upgrade: Option<Upgrade>,
    /// Whether the host compresses responses.
    pub compress: bool,
    /// Whether the host decodes compressed request bodies.
    pub decompress: bool,
}

/// A protocol that a connection changes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// RFC 6455.
    WebSocket,
}

/// The access rules of an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// Whether the caller must be authenticated. True whenever one of the lists is not empty.
    pub required: bool,
    /// Roles a caller must have.
    pub roles: Vec<String>,
    /// Permissions a caller must have.
    pub permissions: Vec<String>,
    /// Scopes the caller's token must have.
    pub scopes: Vec<String>,
}

/// The rate limit per client: a token bucket for each client, see [`RateLimiter`](crate::RateLimiter).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The number of tokens added per window; per minute by default.
    pub rpm: u32,
    /// The size of a bucket: the number of requests that may arrive at once.
    pub burst: u32,
    /// The time in which `rpm` tokens are added, evenly.
    pub window: Duration,
}

/// The rules for requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validation {
    /// The accepted media types, lower case, without parameters; any when empty.
    pub content_type: Vec<String>,
    /// The fields that a JSON body must have.
    pub required: Vec<String>,
    /// The JSON Schema of the body.
    pub schema: Option<TreePath>,
}

impl Validation {
    /// The maximum size of a validated body, since it is buffered; a smaller `max_body_bytes` of the endpoint takes
    /// precedence.
    pub const MAX_BODY_BYTES: u64 = 16 << 20;

    /// Returns whether JSON bodies are validated.
    pub fn checks_body(&self) -> bool {
        !self.required.is_empty() || self.schema.is_some()
    }
}

impl FromStr for Upgrade {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Upgrade, &'static str> {
        if text.eq_ignore_ascii_case("websocket") { Ok(Upgrade::WebSocket) } else { Err("must be `websocket`") }
    }
}

impl Endpoint {
    /// Returns the rules for JSON bodies, if the method has a body.
    pub fn checks_body(&self) -> Option<&Validation> {
        self.validation.as_ref().filter(|validation| validation.checks_body() && self.method.has_body())
    }

    /// Returns the file with the JSON Schema for request bodies.
    pub fn body_schema(&self) -> Option<&TreePath> {
        self.checks_body().and_then(|validation| validation.schema.as_ref())
    }
}
