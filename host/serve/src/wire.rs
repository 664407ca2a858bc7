//! Requests and responses: extractors, JSON types, errors, and their conversions.

pub(crate) mod body;
pub(crate) mod compression;
pub(crate) mod form;
pub(crate) mod input;
pub(crate) mod moment;
pub(crate) mod outcome;
pub(crate) mod page;
pub(crate) mod plugin_list;
pub(crate) mod problem;
pub(crate) mod request_id;
pub(crate) mod rights;
pub(crate) mod security_headers;
pub(crate) mod sse;
pub(crate) mod update_request;
pub(crate) mod view;

/// The path below which plugins serve their endpoints.
pub(crate) const PLUGIN_ENDPOINTS: &str = "/api/plugin-endpoints/";
