//! Requests to the endpoints of plugins.

mod compression;
pub(crate) mod endpoint;
pub(crate) mod headers;
mod websocket;
