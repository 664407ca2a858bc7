//! Requests to the endpoints of plugins.

pub(crate) mod endpoint;
pub(crate) mod headers;
mod websocket;
