//! Routes that only older clients use.

pub(crate) mod github;
pub(crate) mod local;
