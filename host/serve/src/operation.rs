//! Operations on plugins: read from a request, run as a job, answered with its result.

pub(crate) mod request;
pub(crate) mod run;
pub(crate) mod source;
pub(crate) mod validate;
