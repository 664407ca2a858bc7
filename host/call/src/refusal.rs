//! The reasons why a request has no response of the plugin.

use std::time::Duration;

use host_core::configuration::Violation;
use host_load::CallError;
use http::HeaderValue;

use crate::metrics::RefusalReason;
use crate::path::PathProblem;
use crate::phase::Phase;

/// The reason why no generation admits a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdmissionRefusal {
    /// No plugin with that id is installed.
    Unknown,
    /// The circuit is open, because health probes fail.
    CircuitOpen,
    /// The plugin is installed but does not serve.
    NotServing(Phase),
}

/// The reason why a path and method lead to no endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteRefusal {
    /// No endpoint has that path; holds the path of an endpoint that is nearly the same.
    NotFound(Option<String>),
    /// The path has endpoints, but none with that method; holds the value of `Allow`.
    Method(HeaderValue),
    /// Servers and proxies read the path in different ways.
    BadPath(PathProblem),
}

/// The rule of plugin.yaml that a request breaks, found before the plugin is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleRefusal {
    /// The client exceeded the rate limit; a token is available again after this time.
    RateLimited(Duration),
    /// The endpoint does not accept the content type; holds the explanation.
    ContentType(String),
    /// The body is not JSON; holds the parser's message.
    BodyNotJson(String),
    /// The body does not match the endpoint's schema or required fields.
    BodyDoesNotFit(Vec<Violation>),
}

/// The reason why a call has no response of the plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallRefusal {
    /// The body is larger than the limit of the endpoint, in bytes.
    BodyTooLarge(u64),
    /// The caller did not send the whole body.
    BodyIncomplete(String),
    /// The body is not valid gzip, although the caller says so.
    BodyNotGzip,
    /// The body has a coding that the host does not decode.
    BodyEncoding,
    /// The endpoint's timeout passed while the plugin waited for the caller's body.
    BodyTimedOut(Duration),
    /// The plugin failed.
    Failed(CallError),
    /// The generation was replaced, and the call did not end within the drain timeout.
    Cancelled,
    /// The request breaks a rule of plugin.yaml.
    Rule(RuleRefusal),
    /// The endpoint serves WebSockets only, and the request does not open one.
    UpgradeRequired,
}

impl CallRefusal {
    /// The reason under which the refusal is counted; `None` for a failure of the plugin.
    pub(crate) fn reason(&self) -> Option<RefusalReason> {
        match self {
            CallRefusal::BodyTooLarge(_) => Some(RefusalReason::BodyTooLarge),
            CallRefusal::BodyIncomplete(_) => Some(RefusalReason::BodyIncomplete),
            CallRefusal::BodyTimedOut(_) => Some(RefusalReason::BodyTimedOut),
            CallRefusal::BodyNotGzip => Some(RefusalReason::Body),
            CallRefusal::BodyEncoding => Some(RefusalReason::ContentType),
            CallRefusal::UpgradeRequired => Some(RefusalReason::Upgrade),
            CallRefusal::Failed(_) | CallRefusal::Cancelled => None,
            CallRefusal::Rule(refusal) => Some(match refusal {
                RuleRefusal::RateLimited(_) => RefusalReason::RateLimit,
                RuleRefusal::ContentType(_) => RefusalReason::ContentType,
                RuleRefusal::BodyNotJson(_) | RuleRefusal::BodyDoesNotFit(_) => RefusalReason::Body,
            }),
        }
    }
}
