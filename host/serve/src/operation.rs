//! Operations on plugins: reads them from requests, runs them as jobs, and responds with their results.

pub(crate) mod request;
pub(crate) mod run;
pub(crate) mod source;
pub(crate) mod validate;
