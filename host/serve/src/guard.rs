//! The table of management routes, and the checks in front of each handler.

pub(crate) mod doc;
pub(crate) mod idempotency;
mod inputs;
pub(crate) mod table;
