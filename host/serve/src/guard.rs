//! The table of management routes, and the checks in front of each handler.

pub(crate) mod doc;
pub(crate) mod idempotency;
pub(crate) mod inputs;
pub(crate) mod table;
