//! The caller of an endpoint.

use crate::trace::Trace;

/// The caller of an endpoint, as the plugin sees it.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// Address and port; empty if unknown.
    pub peer: &'a str,
    /// The request id.
    pub request_id: &'a str,
    /// The number of plugins that called one another before this call; 0 for a request from outside.
    pub depth: u32,
    /// The authenticated caller, such as `plugin:cats`; `None` if unknown.
    pub actor: Option<&'a str>,
    /// The trace that the call belongs to, with the host's span of this call.
    pub trace: Trace,
}
